"""What a stored call would cost, told without computing it: calls are noted, and their results stay absent."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from companion.store.artefacts import Address

Declared = Callable[..., Any]


@dataclass(frozen=True)
class Foresight:
    """What the author of a stored function says of its costs; each a function of the study's own arguments.

    ``work`` is its own work in units that are natural to it, ``disk`` the size of its result in such units, and
    ``calls`` makes the stored calls whose results it uses; what must be made apart, because it needs numbers after
    a call, it returns as a list of functions without arguments. ``calls="body"`` says that the function itself may
    be run for that, up to the first number that it needs.
    """

    work: Declared | None = None
    calls: Declared | Literal["body"] | None = None
    disk: Declared | None = None

    def work_of(self, arguments: Mapping[str, Any]) -> float:
        """Units of own work of one call; 1 where none is declared, so that all calls count alike.

        Raises ValueError for what is not a number from 0 on.
        """
        return _units("work", self.work, arguments, 1.0)

    def disk_of(self, arguments: Mapping[str, Any]) -> float:
        """Units of the size of the result: what is declared, else the conditions of a block, else 1."""
        conditions = arguments.get("conditions")
        block = len(conditions) if isinstance(conditions, Sequence) else 1
        return _units("disk", self.disk, arguments, float(block))


def _units(name: str, declared: Declared | None, arguments: Mapping[str, Any], otherwise: float) -> float:
    if declared is None:
        return otherwise
    units = float(declared(**arguments))
    if not 0 <= units < float("inf"):
        raise ValueError(f"{name}=: {units} found; allowed: a number from 0 on")
    return units


@dataclass
class Call:
    """A stored call that was met: whether its result is there, its work if not, and the calls that it makes."""

    function: str
    key: str
    stored: bool
    device: str
    work: float = 0.0
    disk: float = 0.0
    inner: list["Call"] = field(default_factory=list)
    problem: str = ""
    module: str = ""


class NotComputed(Exception):
    """A number was asked of a result that an estimate does not compute."""


class Absent:
    """A result in an estimate: its members are as absent as itself, and it has no numbers."""

    def __getattr__(self, name: str) -> "Absent":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: Any, **__: Any) -> "Absent":
        return self

    def __getitem__(self, _: Any) -> "Absent":
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def _asked(self, *_: Any, **__: Any) -> NoReturn:
        raise NotComputed("a result was asked for its numbers")

    __array__ = __len__ = __bool__ = __float__ = __int__ = __index__ = __contains__ = _asked
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _asked
    __pow__ = __neg__ = __abs__ = __lt__ = __le__ = __gt__ = __ge__ = __or__ = __ror__ = __invert__ = _asked


@dataclass
class _Notes:
    calls: list[Call]
    anew: bool


_notes: ContextVar[_Notes | None] = ContextVar("companion_foresight", default=None)


@contextlib.contextmanager
def foreseeing(*, anew: bool = False) -> Iterator[list[Call]]:
    """Within, stored calls are noted in the list instead of computed; with ``anew`` as if nothing were stored."""
    calls: list[Call] = []
    token = _notes.set(_Notes(calls, anew))
    try:
        yield calls
    finally:
        _notes.reset(token)


def foresees() -> bool:
    """Whether stored calls are only noted now."""
    return _notes.get() is not None


def note_unknown(function: str) -> Absent:
    """Note a call that takes a result which is not there: neither its key nor its work is known."""
    notes = _notes.get()
    assert notes is not None
    problem = "not counted: it takes results that are not there"
    notes.calls.append(Call(function, "", False, "cpu", problem=problem))
    return Absent()


def note_call(
    address: Address,
    device: str,
    foresight: Foresight,
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
) -> Absent:
    """Note one call, and those that it would make; call it inside `foreseeing` only."""
    notes = _notes.get()
    assert notes is not None
    call = Call(address.function, address.key, False, device, module=function.__module__)
    notes.calls.append(call)
    if not notes.anew and address.find() is not None:
        call.stored = True
        return Absent()
    try:
        call.work, call.disk = foresight.work_of(arguments), foresight.disk_of(arguments)
    except Exception as error:  # an estimate goes on without it, and says so
        call.problem = f"its work is not known ({type(error).__name__}: {error})"
    calls = function if foresight.calls == "body" else foresight.calls
    if calls is not None:
        token = _notes.set(_Notes(call.inner, notes.anew))
        try:
            _make(lambda: calls(**arguments), call)
        finally:
            _notes.reset(token)
    return Absent()


def _make(calls: Callable[[], Any], call: Call) -> None:
    """Make the calls inside ``call``, as far as one comes without numbers."""
    met = len(call.inner)
    try:
        found = calls()
        for each in found if isinstance(found, list) else ():
            if callable(each) and not isinstance(each, Absent):
                _make(each, call)
    except NotComputed:
        pass
    except Exception as error:
        if len(call.inner) == met:  # what follows a call works on absent results, and may fail in any way
            call.problem = f"{type(error).__name__}: {error}"
