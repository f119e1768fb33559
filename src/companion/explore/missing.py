"""Results that a view needs and no store has: what it would cost to compute them, told before anything is done."""

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import xarray as xr

from companion.session.progress import duration
from companion.session.root import project_root
from companion.store.artefacts import store_roots
from companion.store.calibration import UNKNOWN_FACTOR, Rate, from_json, preferred, rates, samples
from companion.store.durable import StoredFunction
from companion.store.foresight import Call, foreseeing


class NotStored(LookupError):
    """The result of ``what`` is in no store; `compute` makes it, and the text says what that costs."""

    def __init__(self, what: str, study: StoredFunction, *arguments: Any, **named: Any):
        self.compute = functools.partial(study, *arguments, **named)
        super().__init__(f"{what}: not stored. {_costs(self.compute)}")


def stored_result(what: str, study: StoredFunction, *arguments: Any, **named: Any) -> xr.Dataset:
    """The stored result of this call. Raises NotStored, which says ``what`` is missing, where there is none."""
    if study.address(*arguments, **named).find() is None:
        raise NotStored(what, study, *arguments, **named)
    return study(*arguments, **named)


def _costs(compute: functools.partial[xr.Dataset]) -> str:
    """A sentence on the time that ``compute`` takes, by the rates of results that are stored or tracked."""
    with foreseeing() as calls:
        compute()
    missing = [call for each in calls for call in _missing(each)]
    known = _rates({call.function for call in missing})
    found = [(call, known.get((call.function, call.device))) for call in missing]
    seconds = sum(call.work * rate.seconds for call, rate in found if rate)
    if any(call.problem or not (rate or call.inner) for call, rate in found):
        least = f"more than {duration(seconds)}" if seconds else "a time that no stored result tells"
        return f"Computing it takes {least}."
    factor = max((rate.factor for _, rate in found if rate), default=UNKNOWN_FACTOR)
    return f"Computing it takes about {duration(seconds)} of one core or GPU, to a factor of {factor:.1f}."


def _missing(call: Call) -> Iterator[Call]:
    """The calls that would be computed: ``call`` and those inside it that are not stored."""
    if not call.stored:
        yield call
        for each in call.inner:
            yield from _missing(each)


def _rates(functions: set[str]) -> Mapping[tuple[str, str], Rate]:
    """Seconds for a unit of work of these functions, from the stores or else from params/calibration.json."""
    path = project_root() / "params" / "calibration.json"
    tracked = from_json(json.loads(path.read_text(encoding="utf-8"))["rates"], "") if path.is_file() else {}
    return preferred(rates(samples(store_roots(), functions=functions)), tracked)
