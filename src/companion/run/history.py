"""What became of every notebook that ran, one JSON line each in build/runs/history.jsonl; for the report later."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from companion.run.outcome import Outcome, Verdicts
from companion.session.files import append_line
from companion.session.root import build_folder

#: The detached run that this process works for, by its id.
DETACHED_VARIABLE = "COMPANION_DETACHED"


def history_path() -> Path:
    """The file of all lines, the latest last."""
    return build_folder() / "runs" / "history.jsonl"


def note_end(outcome: Outcome, before: Verdicts) -> None:
    """Append the line of a notebook that ended; ``before`` are its verdicts until then.

    Where the disk refuses, the outcome says so: what the notebook left is no less whole.
    """
    try:
        append_line(history_path(), json.dumps(_entry(outcome, before)))
    except OSError as error:
        outcome.remarks.append(f"not in the history ({error})")


def _entry(outcome: Outcome, before: Verdicts) -> dict[str, Any]:
    request, failure = outcome.step.request, outcome.failure
    return {
        "time": time.time(),
        "notebook": outcome.name,
        "profile": request.profile,
        "overridden": list(request.overridden),
        "only": list(request.only),
        "status": outcome.status,
        "seconds": round(outcome.seconds, 2),
        "cell": failure and failure["cell"],
        "line": failure and failure.get("line"),
        "error": failure and f"{failure['ename']}: {failure['evalue']}",
        "verdicts": {} if request.overridden else _changes(before, outcome.verdicts),
        "computed": len(outcome.computed),
        "read": len(outcome.keys.keys() - outcome.computed),
        "detached": os.environ.get(DETACHED_VARIABLE),
    }


def _changes(before: Verdicts, now: Verdicts) -> dict[str, list[str | None]]:
    """Verdict before (None: there was none) and now, of each claim whose verdict is another one."""
    pairs = {name: [before.get(name, {}).get("verdict"), entry.get("verdict")] for name, entry in now.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def read_history(since: float = 0.0) -> Iterator[dict[str, Any]]:
    """Lines of notebooks that ended at ``since`` (seconds since 1970) or later; damaged ones are passed over."""
    try:
        lines = history_path().read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            entry = json.loads(line)
            if entry["time"] >= since:
                yield entry
        except (ValueError, KeyError, TypeError):
            continue
