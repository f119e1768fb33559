"""The process of one notebook as the run sees it: start, end, result."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from companion.run.interrupts import Stop
from companion.run.outcome import Outcome, line_of_cell
from companion.run.workplace import Workplace
from companion.session.root import project_root
from companion.settings.notebook import Notebook, without_figures_other_than

_LOG_LINES = 30


class NotebookProcess:
    """One notebook's process, in a session of its own, so that Ctrl-C in the terminal does not reach it."""

    def __init__(
        self,
        outcome: Outcome,
        place: Workplace,
        sockets: Path,
        environment: Mapping[str, str],
        time_limit: float | None = None,
    ):
        self.outcome = outcome
        request = outcome.step.request
        self._file = {
            kind: (place.folder / f"{request.name}.{kind}").absolute()
            for kind in ("spec.json", "result.json", "kernel.pid", "stacks", "ipynb", "log")
        }
        spec = {
            "path": str(request.notebook.path.absolute()),
            "parameters": request.parameters.values,
            "kept_cells": _kept_cells(request.notebook, request.only),
            "output": str(self.executed),
            "result": str(self._file["result.json"]),
            "kernel_pid": str(self._file["kernel.pid"]),
            "stacks": str(self._file["stacks"]),
            "sockets": str(sockets),
            "parent": os.getpid(),
            "time_limit": time_limit,
        }
        self._file["spec.json"].write_text(json.dumps(spec), encoding="utf-8")
        with self._file["log"].open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "companion.run.child", str(self._file["spec.json"])],
                cwd=project_root(),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def executed(self) -> Path:
        """The notebook as far as it was executed."""
        return self._file["ipynb"]

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def ask_to_save(self) -> None:
        """Let the notebook's training save and stop, and the notebook end at the latest between two cells."""
        self._process.send_signal(signal.SIGUSR1)

    def ask_to_end(self) -> None:
        """Interrupt the notebook's cell; process and kernel then end by themselves."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End process and kernel at once."""
        if self.ended:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError, ValueError):
            os.killpg(int(self._file["kernel.pid"].read_text()), signal.SIGKILL)
        self._process.wait()

    def settle(self, stop: Stop) -> None:
        """Take status and failure from the ended process into the outcome."""
        outcome = self.outcome
        result = self._result()
        outcome.saved = bool(result and result.get("saved"))
        if stop.ending and (result is None or result["status"] in ("stopped", "resumable")):
            outcome.status = "interrupted" if stop.asked else "resumable"
        elif result is None:
            code = self._process.returncode
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            if code == os.EX_IOERR:
                how = "without room to write what became of the notebook; the disk may be full"
            outcome.fail("ProcessEnded", f"the notebook's process was ended {how}", self._log())
        elif result["status"] == "resumable":
            outcome.status = "resumable"
        elif result["status"] == "stopped":
            outcome.fail("Stopped", "somebody told the notebook's process to end")
        else:
            outcome.status, outcome.failure = result["status"], result["failure"]
        if outcome.failure:
            outcome.failure["line"] = line_of_cell(outcome.step.request.notebook, outcome.failure["source"])

    def _result(self) -> dict[str, Any] | None:
        try:
            return json.loads(self._file["result.json"].read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _log(self) -> list[str]:
        text = self._file["log"].read_text(encoding="utf-8", errors="replace")
        return text.splitlines()[-_LOG_LINES:]


def _kept_cells(notebook: Notebook, only: tuple[str, ...]) -> list[int] | None:
    """Indices of the cells that the figures ``only`` need; None for all cells."""
    if not only:
        return None
    kept = without_figures_other_than(notebook, only)
    return [index for index, cell in enumerate(notebook.cells) if any(cell is one for one in kept)]
