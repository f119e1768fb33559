"""``@stored``: a study's result is computed once and lasts, whatever is killed on the way."""

import contextlib
import functools
import hashlib
import inspect
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, cast, overload

import xarray as xr

from companion.session import current, events, provenance
from companion.session.device import DeviceElsewhere
from companion.store.arguments import canonical, encode
from companion.store.artefacts import (
    Address,
    DamagedResult,
    check_storable,
    missing_file,
    quarantine,
    read_manifest,
    read_result,
    store_roots,
    write_result,
)
from companion.store.content import dataset_digest
from companion.store.fingerprint import changed_since, combined, imported_closure
from companion.store.foresight import Absent, Declared, Foresight, foresees, note_call, note_unknown
from companion.store.locks import key_lock
from companion.store.running import Running, made_running, running, waiting
from companion.store.running import workspace as workspace
from companion.store.threads import one_thread

#: Set by a forced run to its own token: results without it are computed again, each once.
FORCE_VARIABLE = "COMPANION_FORCE"

#: Set where stored results are read and nothing may be computed.
STORED_ONLY_VARIABLE = "COMPANION_STORED_ONLY"


class NotStored(RuntimeError):
    """A result that is not in the store was asked for where nothing may be computed."""


class StoredFunction:
    """A function whose results are kept under a key made of its arguments and of the code it reaches."""

    def __init__(
        self,
        function: Callable[..., xr.Dataset],
        *,
        device: bool,
        foresight: Foresight | None = None,
        regenerable: bool = False,
    ):
        if "<locals>" in function.__qualname__ or not getattr(inspect.getmodule(function), "__file__", None):
            raise TypeError(
                f"@stored {function.__qualname__}: define it at the top of a module file; "
                "code typed into a notebook cannot be fingerprinted"
            )
        functools.update_wrapper(self, function)
        self.function = function
        self.module = function.__module__
        self.name = f"{self.module.removeprefix('companion.studies.')}.{function.__qualname__}"
        self.device = device
        self.regenerable = regenerable
        self.foresight = foresight or Foresight()
        self._signature = inspect.signature(function)
        self._imported = imported_closure([self.module])
        self._fingerprint = combined(self._imported)

    def _bound(self, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> inspect.BoundArguments:
        """The arguments by name, defaults included, each in the form that all equal values share."""
        bound = self._signature.bind(*arguments, **named)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            encode(value, name)  # what is not plain data is refused here, by name
            bound.arguments[name] = canonical(value)
        return bound

    def _request(self, bound: inspect.BoundArguments) -> dict[str, Any]:
        """Everything that the key is made of, as canonical JSON."""
        encoded = {name: encode(value, name) for name, value in bound.arguments.items()}
        request = {"function": self.name, "arguments": encoded, "fingerprint": self._fingerprint}
        return request | ({"device": current.session_device()} if self.device else {})

    def address(self, *arguments: Any, **named: Any) -> Address:
        """Where the result of this call lies or will lie."""
        return self._address(self._request(self._bound(arguments, named)))

    def _address(self, request: Mapping[str, Any]) -> Address:
        text = json.dumps(request, sort_keys=True)
        return Address(self.name, hashlib.sha256(text.encode()).hexdigest()[:40])

    def __call__(self, *arguments: Any, **named: Any) -> xr.Dataset:
        """The stored result of this call, computed now if there is none."""
        if foresees() and any(isinstance(each, Absent) for each in (*arguments, *named.values())):
            return cast(xr.Dataset, note_unknown(self.name))
        bound = self._bound(arguments, named)
        request = self._request(bound)
        address = self._address(request)
        if foresees():
            where = current.session_device() if self.device else "cpu"
            absent = note_call(address, where, self.foresight, self.function, bound.arguments)
            return cast(xr.Dataset, absent)
        started = time.monotonic()
        dataset = fetch(address)
        status = "hit"
        if dataset is None:
            if os.environ.get(STORED_ONLY_VARIABLE):
                raise NotStored(f"{self.name}: result {address.key[:12]} is not in the store")
            status, elsewhere = "computed", None
            with contextlib.ExitStack() as held:
                with waiting():
                    held.enter_context(key_lock(address.lock))
                dataset = fetch(address, locked=True)
                if dataset is not None:
                    status = "hit"
                else:
                    try:
                        dataset = self._compute(address, request, bound)
                    except DeviceElsewhere as missing:
                        if not self.device:
                            raise
                        elsewhere = missing
            if elsewhere is not None:  # without the lock, which the worker needs
                elsewhere.send(self, bound.arguments)
                dataset = fetch(address)
        if dataset is None:
            raise RuntimeError(f"{self.name}: a worker computed it with other code; restart the cluster")
        emit_use(address, status, time.monotonic() - started)
        return dataset

    def _compute(
        self, address: Address, request: dict[str, Any], bound: inspect.BoundArguments
    ) -> xr.Dataset:
        call = Running(address.workspace)
        dataset = self._evaluate(call, bound)
        (whole, own), memory = call.spent(), call.meter.memory()
        changed = changed_since(self._imported, [self.module])
        if changed:
            events.tell(
                f"{self.name}: not stored, because {', '.join(changed)} changed since this process imported it; "
                "restart the kernel to compute with the new code"
            )
            return dataset
        manifest = request | {
            "key": address.key,
            "modules": self._imported,
            "content_digest": dataset_digest(dataset),
            "used": dict(sorted(call.used.items())),
            "regenerable": self.regenerable,
            "cost": {
                "wall_seconds": whole.wall,
                "cpu_seconds": whole.cpu,
                "own_wall_seconds": own.wall,
                "own_cpu_seconds": own.cpu,
                "compile_seconds": own.compiling,
                "work": self._work(bound),
                "device": "cuda" if own.gpu_blocks else "cpu",
                **memory,
            },
            "made": provenance.environment(),
            "force_token": os.environ.get(FORCE_VARIABLE, ""),
            "entry": {"module": self.module, "name": self.function.__qualname__},
        }
        folder = write_result(address, dataset, manifest, replace=bool(manifest["force_token"]))
        if address.workspace.exists():
            shutil.rmtree(address.workspace, ignore_errors=True)
        return read_result(folder)

    def _evaluate(self, call: Running, bound: inspect.BoundArguments) -> xr.Dataset:
        with made_running(call), one_thread():
            return check_storable(self.function(*bound.args, **bound.kwargs), self.name)

    def _work(self, bound: inspect.BoundArguments) -> float | None:
        """Units of work of this call; a slip in what only foresees costs must not cost the result."""
        try:
            return self.foresight.work_of(bound.arguments)
        except Exception as error:
            events.tell(f"{self.name}: its work is not known ({type(error).__name__}: {error})")
            return None

    def evaluate_afresh(self, *arguments: Any, **named: Any) -> xr.Dataset:
        """What the function returns now, whatever is stored; results that it uses may be stored ones."""
        with tempfile.TemporaryDirectory(prefix="companion-") as folder:
            return self._evaluate(Running(Path(folder)), self._bound(arguments, named))


@overload
def stored(function: Callable[..., xr.Dataset]) -> StoredFunction: ...
@overload
def stored(
    *,
    device: bool = False,
    work: Declared | None = None,
    calls: Declared | Literal["body"] | None = None,
    disk: Declared | None = None,
    regenerable: bool = False,
) -> Callable[[Callable[..., xr.Dataset]], StoredFunction]: ...
def stored(
    function: Callable[..., xr.Dataset] | None = None,
    *,
    device: bool = False,
    work: Declared | None = None,
    calls: Declared | Literal["body"] | None = None,
    disk: Declared | None = None,
    regenerable: bool = False,
) -> Any:
    """Make a study durable: same arguments and same code, same result, computed once.

    The function takes plain data and returns an `xarray.Dataset`. ``device=True`` puts the resolved
    device kind (cpu, cuda) into the key, for functions whose numbers depend on it. ``work``, ``calls`` and ``disk``
    tell what a call costs before it is made (`store.foresight`); they take the function's arguments by name.
    ``regenerable=True`` says that results follow from the stored results that they use, and from seeds, as samples
    do that are drawn with stored weights: `store export --without-samples` leaves them out. These four are no part
    of the key or of the code that it stands for. Raises TypeError, naming the argument, where one is not plain data.
    """
    foresight = Foresight(work, calls, disk)
    make = functools.partial(StoredFunction, device=device, foresight=foresight, regenerable=regenerable)
    return make if function is None else make(function)


def note_use(address: Address) -> None:
    """Record that a result was used, by the stored function that runs and by the session."""
    call, session = running(), current.current()
    if call is not None:
        call.used[address.key] = address.function
    if session is not None:
        session.touched[address.key] = address.function


def emit_use(address: Address, status: str, seconds: float) -> None:
    """Note the use of a result, and tell the run of it; ``status`` is "hit" or "computed"."""
    note_use(address)
    events.emit("result", function=address.function, key=address.key, status=status, seconds=seconds)


def fetch(address: Address, *, locked: bool = False) -> xr.Dataset | None:
    """The result at ``address``; None where there is none, it is damaged, or a forced run wants it anew.

    With ``locked``, the caller holds the key's lock: a damaged result is then moved aside. Without it
    another process might be replacing the result at this moment, so that nothing is touched.
    """
    if locked and (missing := missing_file(address.own)):
        events.tell(
            f"{address.own}: {missing} is missing; moved to {quarantine(address.own)}, computing it again"
        )
    folder = address.find()
    if folder is None:
        return None
    try:
        force = os.environ.get(FORCE_VARIABLE, "")
        if force and read_manifest(folder).get("force_token") != force:
            return None
        return read_result(folder)
    except DamagedResult as problem:
        if locked and folder.is_relative_to(store_roots()[0]):
            events.tell(f"{problem}; moved to {quarantine(folder)}, computing it again")
        elif locked:
            events.tell(f"{problem}; computing it again in one's own store")
        return None
