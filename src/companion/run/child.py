"""The process of one notebook: papermill and its kernel. ``python -m companion.run.child SPEC.json``."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from companion.run.papermill_text import read_node
from companion.run.time_limit import TIME_LIMIT, stacks_of
from companion.session import events, interruption
from companion.session.files import write_json
from companion.session.progress import duration
from companion.settings import notebook_formats

#: Seconds that an interrupted kernel has to leave its cell before it is ended.
GRACE_SECONDS = 5.0

#: The signal that asks a kernel to save and to stop where nothing is lost; see session.interruption.
SAVE_SIGNAL = signal.SIGUSR1

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux' prctl
_RESUMABLE = interruption.Resumable.__name__


@dataclass(frozen=True)
class Spec:
    """What the run wants from its child; files are absolute paths as text."""

    path: str
    parameters: dict[str, Any]
    kept_cells: list[int] | None
    output: str
    result: str
    kernel_pid: str
    stacks: str
    sockets: str
    parent: int
    time_limit: float | None = None


@dataclass(frozen=True)
class Failure:
    """Why a notebook did not end well, as the summary shows it."""

    cell: int | None
    ename: str
    evalue: str
    source: str
    traceback: list[str] = field(default_factory=list)


class _Stopped(Exception):
    """The run asked for an end between two cells."""


class _Guard:
    """Ends the kernel when the run asks for it, or when the run is gone."""

    def __init__(self, spec: Spec):
        self._spec = spec
        self.kernel: int | None = None
        self.asked = False
        self.saving = False
        self.expired = False
        self.stacks: list[str] = []
        self.cell, self.number = "", 0
        signal.signal(signal.SIGTERM, self._heard)
        signal.signal(SAVE_SIGNAL, self._save_first)
        threading.Thread(target=self._watch_parent, daemon=True).start()
        if spec.time_limit is not None:
            _later(spec.time_limit, self._expire)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)

    def kernel_started(self, pid: int) -> None:
        """From now on there is a kernel to end; its pid is left for the run, in case this process dies."""
        self.kernel = pid
        Path(self._spec.kernel_pid).write_text(str(pid))

    def enter(self, source: str) -> None:
        """Go on to the next cell, or not."""
        if self.asked or self.saving or self.expired:
            raise _Stopped
        self.cell, self.number = source, self.number + 1

    def out_of_time(self) -> Failure:
        """The failure of a notebook that did not end within its time: the cell, and where the kernel's threads were."""
        said = f"not ended after {duration(self._spec.time_limit or 0.0)} (--time-limit)"
        found = (
            f"{said}; its threads then:"
            if self.stacks
            else f"{said}; its kernel did not say where its threads were"
        )
        return Failure(self.number or None, TIME_LIMIT, found, self.cell, self.stacks)

    def _expire(self) -> None:
        self.expired = True
        if self.kernel is not None:
            self.stacks = stacks_of(self.kernel, Path(self._spec.stacks))
        self._signal_kernel(signal.SIGINT)
        _later(GRACE_SECONDS, lambda: self._signal_kernel(signal.SIGKILL))
        _later(2 * GRACE_SECONDS, self._give_up)

    def _give_up(self) -> None:
        """Leave the result without papermill, which did not notice that its kernel is gone."""
        write_result(self._spec, "failed", self.out_of_time())
        self._end_now()

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if os.getppid() != self._spec.parent:
            self._end_now()
        if not self.asked:
            self.asked = True
            self._signal_kernel(signal.SIGINT)
            _later(GRACE_SECONDS, self._end_now)

    def _save_first(self, number: int, frame: FrameType | None) -> None:
        self.saving = True
        if self.kernel is not None:  # not its group: Dask workers that it started would die of the signal
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.kernel, SAVE_SIGNAL)

    def _watch_parent(self) -> None:
        while os.getppid() == self._spec.parent:
            time.sleep(1.0)
        self._end_now()

    def _signal_kernel(self, number: signal.Signals) -> None:
        if self.kernel is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.kernel, number)

    def _end_now(self) -> None:
        self._signal_kernel(signal.SIGKILL)
        sockets = Path(self._spec.sockets)
        shutil.rmtree(sockets, ignore_errors=True)
        with contextlib.suppress(OSError):  # the run removes its folder itself, if it still can
            sockets.parent.rmdir()
        os._exit(1)


def main(spec_file: str) -> None:
    """Execute the notebook that the JSON file ``spec_file`` describes; leave a result beside it."""
    spec = Spec(**json.loads(Path(spec_file).read_text(encoding="utf-8")))
    guard = _Guard(spec)
    failure: Failure | None = None
    ended = False
    try:
        _execute(spec, guard)
    except _Stopped:
        failure = guard.out_of_time() if guard.expired else None
    except Exception as error:
        failure = guard.out_of_time() if guard.expired else _describe(error, guard.cell)
    else:
        ended = True
    status = _status(guard, failure, ended=ended)
    try:
        write_result(spec, status, failure)
    except OSError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(os.EX_IOERR)
    finally:
        shutil.rmtree(spec.sockets, ignore_errors=True)


def write_result(spec: Spec, status: str, failure: Failure | None) -> None:
    """Tell the run what became of the notebook."""
    saved = failure is not None and failure.ename == _RESUMABLE
    told = asdict(failure) if failure and status != "resumable" else None
    write_json(Path(spec.result), {"status": status, "failure": told, "saved": saved})


def _later(seconds: float, act: Callable[[], None]) -> None:
    """Call ``act`` after ``seconds``, unless this process has ended by then."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def _status(guard: _Guard, failure: Failure | None, *, ended: bool) -> str:
    """How the notebook ended: one that was asked to save may still have come to its end, or have failed."""
    if guard.asked and not guard.saving:
        return "stopped"
    if failure is not None and failure.ename == _RESUMABLE:
        return "resumable"
    if guard.asked or (guard.saving and not ended and failure is None):
        return "resumable"
    return "failed" if failure else "done"


def _execute(spec: Spec, guard: _Guard) -> None:
    """Run the notebook through papermill, with a kernel that only this process can reach."""
    _prepare_environment(Path(spec.sockets), Path(spec.stacks))
    notebook_formats.prepare()
    import papermill
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_client.provisioning.local_provisioner import LocalProvisioner
    from traitlets.config import Config

    class Kernel(AsyncKernelManager):
        """A kernel manager that tells the guard about its process."""

        async def _async_launch_kernel(self, kernel_cmd: list[str], **named: Any) -> None:
            # Held back until the session is there to hear it: until then the signal would end the kernel.
            signal.pthread_sigmask(signal.SIG_BLOCK, {SAVE_SIGNAL})
            try:
                await super()._async_launch_kernel(kernel_cmd, **named)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {SAVE_SIGNAL})
            if isinstance(self.provisioner, LocalProvisioner) and self.provisioner.pid is not None:
                guard.kernel_started(self.provisioner.pid)

    node = read_node(Path(spec.path))
    if spec.kept_cells is not None:
        node.cells = [node.cells[index] for index in spec.kept_cells]
    total = 1 + sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in node.cells)
    done = 0

    def before_cell(cell: Any, **_: Any) -> None:
        guard.enter(cell.source)
        events.emit("cell", done=done, total=total)

    def after_cell(**_: Any) -> None:
        nonlocal done
        done += 1
        events.emit("cell", done=done, total=total)

    config = Config()
    config.KernelManager.transport = "ipc"
    config.KernelManager.ip = str(Path(spec.sockets) / "k")
    config.KernelManager.connection_file = str(Path(spec.sockets) / "kernel.json")
    papermill.execute_notebook(
        node,
        spec.output,
        parameters=spec.parameters,
        kernel_name="python3",
        language="python",
        progress_bar=False,
        start_timeout=120,
        kernel_manager_class=Kernel,
        config=config,
        on_cell_execute=before_cell,
        on_cell_executed=after_cell,
    )


def _prepare_environment(private: Path, stacks: Path) -> None:
    """Make "python3" mean this Python, and keep the user's own IPython start-up files out of results."""
    private.mkdir(mode=0o700, parents=True, exist_ok=True)
    kernelspec = {
        "argv": [sys.executable, "-m", "companion.run.kernel", str(stacks), "-f", "{connection_file}"],
        "display_name": "Python 3",
        "language": "python",
    }
    write_json(private / "jupyter" / "kernels" / "python3" / "kernel.json", kernelspec)
    os.environ |= {
        "JUPYTER_PATH": str(private / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(private),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "IPYTHONDIR": str(private / "ipython"),
    }


def _describe(error: Exception, cell: str) -> Failure:
    """The failure of a cell as papermill reports it; any other one with its own traceback."""
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if isinstance(error, PapermillExecutionError):
        lines = "\n".join(error.traceback).splitlines()
        return Failure(error.exec_count, error.ename, error.evalue, error.source, lines)
    if isinstance(error, DeadKernelError):
        message = "the kernel died in this cell; if nobody killed it, the machine may be short of memory"
        return Failure(None, type(error).__name__, message, cell)
    lines = "".join(traceback.format_exception(error)).splitlines()
    return Failure(None, type(error).__name__, str(error), cell, lines)


if __name__ == "__main__":
    main(sys.argv[1])
