"""What happens, as JSON lines that the run, a terminal or a log file can follow."""

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ENVIRONMENT_VARIABLE = "COMPANION_EVENTS"
_NOTEBOOK_VARIABLE = "COMPANION_NOTEBOOK"
#: The variables that let another process emit to the same place, under the same notebook.
DESTINATION = (ENVIRONMENT_VARIABLE, _NOTEBOOK_VARIABLE)


def emit(kind: str, **fields: Any) -> None:
    """Append one event to the file named by ``COMPANION_EVENTS``; nothing where it is unset.

    A single ``write`` to a file opened for appending keeps the lines of several processes apart. News
    that cannot be written (a worker that does not share the folder) are dropped: they stop no work.
    """
    target = os.environ.get(ENVIRONMENT_VARIABLE)
    if not target:
        return
    event = {"kind": kind, "time": time.time(), "notebook": os.environ.get(_NOTEBOOK_VARIABLE), **fields}
    line = (json.dumps(event, default=str) + "\n").encode()
    with contextlib.suppress(OSError):
        descriptor = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o664)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def tell(text: str) -> None:
    """Say something that the user should read: as an event under a run, on stderr otherwise."""
    emit("message", text=text)
    if not os.environ.get(ENVIRONMENT_VARIABLE):
        print(f"companion: {text}", file=sys.stderr, flush=True)


def read_events(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Events after byte ``offset`` and the new offset; an unfinished last line waits for its end."""
    if not path.exists():
        return [], offset
    with path.open("rb") as handle:
        handle.seek(offset)
        block = handle.read()
    whole = block[: block.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], offset + len(whole)
