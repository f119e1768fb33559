"""What became of a notebook, and what is kept of it: executed notebook and record, each whole or absent."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.run import record
from companion.run.plan import Step
from companion.session import provenance
from companion.session.files import write_atomically, write_json
from companion.settings.notebook import Notebook, read_notebook
from companion.settings.problems import SettingsError

#: What a notebook recorded, by claim id.
Verdicts = dict[str, dict[str, Any]]


@dataclass
class Outcome:
    """What became of one step: waiting, then hit, done, failed, interrupted or resumable."""

    step: Step
    status: str = "waiting"
    seconds: float = 0.0
    failure: dict[str, Any] | None = None
    keys: dict[str, str] = field(default_factory=dict)
    figures: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    verdicts: Verdicts = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    computed: set[str] = field(default_factory=set)
    """Keys of the results that were computed, not read."""
    saved: bool = False
    """Whether it stopped where nothing was lost, because it was asked to."""
    stopped: Path | None = None
    """The notebook as it stopped, where it was kept."""

    @property
    def name(self) -> str:
        return self.step.request.name

    def note(self, news: Iterable[Mapping[str, Any]]) -> None:
        """Take from the events of this notebook what record and summary need."""
        for event in news:
            if event.get("notebook") != self.name:
                continue
            if event["kind"] == "result":
                self.keys[event["key"]] = event["function"]
                if event.get("status") == "computed":
                    self.computed.add(event["key"])
            elif event["kind"] == "figure" and event["id"] not in self.figures:
                self.figures.append(event["id"])
            elif event["kind"] == "claim" and event["id"] not in self.claims:
                self.claims.append(event["id"])

    def fail(self, name: str, message: str, lines: Iterable[str] = ()) -> None:
        """Mark as failed for a reason that is not in a cell."""
        self.status = "failed"
        self.failure = {
            "cell": None,
            "ename": name,
            "evalue": message,
            "source": "",
            "traceback": list(lines),
        }


def of_hit(step: Step) -> Outcome:
    """The outcome of a step with nothing to do: what its record says."""
    assert step.record is not None
    known, request = step.record, step.request
    verdicts = read_verdicts(request.profile, request.name)
    return Outcome(
        step, "hit", 0.0, None, dict(known.keys), list(known.figures), list(known.claims), verdicts
    )


def read_verdicts(profile: str, notebook: str) -> Verdicts:
    """What a notebook recorded in its last run at ``profile``; nothing where it recorded none."""
    try:
        return json.loads(record.claims_path(profile, notebook).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def take_verdicts(outcome: Outcome, *, restore: Verdicts | None) -> None:
    """Take what the notebook recorded into its outcome.

    Verdicts that a complete run no longer records leave its file. ``restore`` puts former ones back into
    the file, for a run that must leave no trace.
    """
    request = outcome.step.request
    path, found = (
        record.claims_path(request.profile, request.name),
        read_verdicts(request.profile, request.name),
    )
    outcome.verdicts = {name: found[name] for name in outcome.claims if name in found}
    lasting = restore
    if lasting is None:
        lasting = outcome.verdicts if outcome.status == "done" and not request.only else found
    if lasting != found:
        if lasting or restore is None:
            write_json(path, lasting)
        else:
            path.unlink()  # it was not there before


def keep(outcome: Outcome, executed: Path) -> None:
    """Put the executed notebook in its place; a complete run gets its record, if its parameters are the profile's.

    Raises OSError where the disk refuses; what was there before then stays.
    """
    request = outcome.step.request
    place, failed = (
        record.executed_path(request.profile, request.name),
        record.failed_path(request.profile, request.name),
    )
    if request.overridden:
        folder = record.overridden_folder(request.profile)
        place, failed = folder / place.name, folder / failed.name
    if outcome.status == "failed" and executed.exists():
        try:
            text = _portable(executed)
        except ValueError:  # papermill writes in place: a full disk cuts it short
            outcome.remarks.append("as it stopped it was written in part only, and is not kept")
        else:
            write_atomically(failed, text)
            outcome.stopped = failed
    if outcome.status != "done":
        return
    write_atomically(place, _portable(executed))
    failed.unlink(missing_ok=True)
    if request.overridden:
        return
    if _changed_meanwhile(outcome.step):
        outcome.remarks.append("code changed while it ran: it will run again next time")
        return
    identity = outcome.step.identity
    record.Record(
        notebook=request.name,
        digest=identity.digest,
        cells_digest=identity.cells,
        text=identity.text,
        imports=identity.imports,
        modules=identity.modules,
        parameters=request.parameters.values,
        origins=request.parameters.origins,
        keys=outcome.keys,
        figures=tuple(outcome.figures),
        claims=tuple(outcome.claims),
        files=record.file_digests(record.left_files(request.profile, request.name, outcome.figures)),
        device=request.device,
        seconds=outcome.seconds,
        finished=time.time(),
        environment=provenance.environment(),
    ).write(request.profile)


def line_of_cell(notebook: Notebook, source: str) -> int | None:
    """Line of the notebook's file on which the cell with this source starts."""
    return next((cell.line for cell in notebook.cells if source and cell.source == source), None)


def _changed_meanwhile(step: Step) -> bool:
    """Whether notebook or code are other ones now than when the run was planned."""
    request = step.request
    try:
        notebook = read_notebook(request.notebook.path)
        now = record.identify(notebook, request.parameters.values, request.device)
    except (SettingsError, SyntaxError, OSError):
        return True
    return now.digest != step.identity.digest


def _portable(executed: Path) -> str:
    """An executed notebook without the paths of the run that made it."""
    node = json.loads(executed.read_text(encoding="utf-8"))
    papermill = node["metadata"].get("papermill", {})
    for name in ("input_path", "output_path", "environment_variables"):
        papermill.pop(name, None)
    return json.dumps(node, indent=1, ensure_ascii=False) + "\n"
