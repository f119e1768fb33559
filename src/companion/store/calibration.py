"""What stored results have cost: seconds for a unit of work of each function, on each kind of device."""

import importlib
import inspect
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from companion.store.arguments import NotRebuildable, decode
from companion.store.artefacts import RESULT, DamagedResult, is_whole, read_manifest
from companion.store.foresight import Foresight
from companion.store.own_costs import compiling_seconds, computed_on, own_seconds, reader

#: What a rate may be wrong by where fewer than `FEW` results tell it.
UNKNOWN_FACTOR, FEW = 2.0, 3
#: And at least: machines, loads and sizes differ.
LEAST_FACTOR = 1.2
#: Share of all measured work that the latest code must hold to be taken alone, and one's own before tracked rates.
ENOUGH = 0.25
#: Results of one function that are read at most, evenly among its keys.
MOST_READ = 400

#: Bytes of the smallest result and its manifest, whatever it holds.
FILE_BYTES = 20_000
_FAR = 3.0  # spreads
_NORMAL = 1.4826  # standard deviations in the median distance from the median


@dataclass(frozen=True)
class Sample:
    """What one result has cost: ``seconds`` of one core (cpu) or of the device (cuda), its inner results apart."""

    function: str
    key: str
    device: str
    work: float
    seconds: float
    disk: float
    bytes: int
    memory_kib: float
    code: str = ""
    made: float = 0.0
    memory_rose: bool = False
    """Whether its process first reached ``memory_kib`` for it; else it needed no more than that."""
    compiling: float | None = None
    """CPU seconds of compilation, which are not in ``seconds``, as code is compiled once; None where they may be."""


@dataclass(frozen=True)
class Rate:
    """What a unit costs: seconds of work, bytes of disk; ``factor`` is what either side of ``seconds`` is likely.

    Told by so many ``results`` of so much ``work`` together, of which the largest had ``largest`` units. Memory is
    that of the largest; unless ``memory_exact``, it needed at most so much. ``compiling`` are CPU seconds on top where
    code has to be compiled first.
    """

    seconds: float
    factor: float
    bytes: float
    memory_kib: float
    results: int
    work: float
    largest: float
    memory_exact: bool = False
    compiling: float = 0.0
    source: str = "this store"


def functions_of(root: Path) -> list[str]:
    """Names of the functions that have results in a store."""
    return sorted(path.name for path in root.glob("*.*") if path.is_dir())


def samples(
    roots: Iterable[Path], functions: Collection[str] | None = None, *, most: int = MOST_READ
) -> Iterator[Sample]:
    """Costs of the results in ``roots``, of ``functions`` or of all.

    Work is counted anew from the arguments that a manifest keeps, so that declaring it otherwise needs no new
    results. What cannot be counted, because its code or an argument is not there any more, is left out.
    """
    seen: set[str] = set()
    for root in roots:
        for function in functions_of(root) if functions is None else sorted(functions):
            folders = [path for path in sorted((root / function).glob("[!.]*")) if is_whole(path)]
            for folder in folders[:: max(1, -(-len(folders) // most))]:
                if folder.name not in seen:
                    seen.add(folder.name)
                    found = _sample(folder, root)
                    if found is not None:
                        yield found


def _sample(folder: Path, root: Path) -> Sample | None:
    try:
        manifest = read_manifest(folder)
        cost, units = manifest["cost"], _units(manifest)
    except (DamagedResult, KeyError):
        return None
    if units is None or units[0] <= 0:
        return None
    device = computed_on(manifest)
    cpu, wall = own_seconds(manifest, reader(root))
    compiling = compiling_seconds(manifest)
    size = (folder / RESULT).stat().st_size
    return Sample(
        manifest["function"],
        manifest["key"],
        device,
        units[0],
        max((wall if device == "cuda" else cpu) - (compiling or 0.0), 0.0),
        units[1],
        size,
        cost["peak_memory_kib"],
        manifest["fingerprint"],
        manifest["made"]["time"],
        bool(cost.get("peak_memory_rose", False)),
        compiling,
    )


#: What a result made by code of another time may meet here: modules, names, arguments or fields that are gone.
_OTHER_CODE = (ImportError, AttributeError, LookupError, TypeError, ValueError, ArithmeticError)


def _units(manifest: Mapping[str, Any]) -> tuple[float, float] | None:
    """Work and disk units of the call that a manifest describes; None where they cannot be counted."""
    try:
        entry = manifest["entry"]
        function = getattr(importlib.import_module(entry["module"]), entry["name"])
        foresight: Foresight = function.foresight
        given = {name: decode(form) for name, form in manifest["arguments"].items()}
        bound = inspect.signature(function.function).bind(**given)
        bound.apply_defaults()
        return foresight.work_of(bound.arguments), foresight.disk_of(bound.arguments)
    except NotRebuildable:
        work = manifest["cost"].get("work")
        return None if work is None else (float(work), 1.0)
    except _OTHER_CODE:
        return None


def rates(found: Iterable[Sample], *, without: Collection[str] = ()) -> dict[tuple[str, str], Rate]:
    """Rates by function and device, of all samples but those whose keys are in ``without``.

    A rate is all seconds over all work, since costs are sums, and each result counts by its work: small ones
    measure mostly imports and compilation. Results that are far from the others are moved to the edge of their
    spread, which is the rate's factor. Results of the latest code are taken, and of earlier code only as long as
    those hold less than `ENOUGH` of all work that was measured.
    """
    grouped: dict[tuple[str, str], list[Sample]] = {}
    for sample in found:
        if sample.key not in without:
            grouped.setdefault((sample.function, sample.device), []).append(sample)
    return {
        key: replace(_rate(_latest(members)), compiling=max(sample.compiling or 0.0 for sample in members))
        for key, members in grouped.items()
    }


def _latest(members: list[Sample]) -> list[Sample]:
    """Samples of the latest versions of the code that hold enough of all work, those that tell compilation first."""
    versions: dict[tuple[bool, str], list[Sample]] = {}
    for sample in sorted(members, key=lambda sample: -sample.made):
        versions.setdefault((sample.compiling is not None, sample.code), []).append(sample)
    total, kept = sum(sample.work for sample in members), []
    for version in versions.values():
        kept += version
        if sum(sample.work for sample in kept) >= ENOUGH * total:
            break
    return kept


def _rate(members: list[Sample]) -> Rate:
    seconds = np.array([max(sample.seconds, 1e-3) for sample in members])
    work = np.array([sample.work for sample in members])
    logarithms = np.log(seconds / work)
    middle = _median(logarithms, work)
    spread = max(_NORMAL * _median(np.abs(logarithms - middle), work), math.log(LEAST_FACTOR))
    usual = np.clip(logarithms, middle - _FAR * spread, middle + _FAR * spread)
    sizes = sum(max(sample.bytes - FILE_BYTES, 0) for sample in members)
    return Rate(
        seconds=float((np.exp(usual) * work).sum() / work.sum()),
        factor=max(math.exp(spread), UNKNOWN_FACTOR if len(members) < FEW else 1.0),
        bytes=sizes / max(sum(sample.disk for sample in members), 1e-9),
        results=len(members),
        work=float(work.sum()),
        largest=float(work.max()),
        **_memory([sample for sample in members if sample.work >= work.max() / 2]),
    )


def _memory(largest: list[Sample]) -> dict[str, Any]:
    """Memory of the ``largest`` results of a function: what they took, or else the least of what bounds it."""
    taken = [sample.memory_kib for sample in largest if sample.memory_rose]
    found = max(taken) if taken else min(sample.memory_kib for sample in largest)
    return {"memory_kib": float(found), "memory_exact": bool(taken)}


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted median of ``values`` (n,): half of the weight lies on either side."""
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(weights.sum() / 2, passed, values[order]))


def as_json(found: Mapping[tuple[str, str], Rate]) -> dict[str, dict[str, dict[str, Any]]]:
    """Rates as JSON takes them: function, device, numbers with three digits."""
    form: dict[str, dict[str, dict[str, Any]]] = {}
    for (function, device), rate in sorted(found.items()):
        numbers = {
            name: float(f"{value:.3g}") if isinstance(value, float) else value
            for name, value in asdict(rate).items()
            if name != "source" and value is not False and (name != "compiling" or value)
        }
        form.setdefault(function, {})[device] = numbers
    return form


def from_json(
    form: Mapping[str, Mapping[str, Mapping[str, Any]]], source: str
) -> dict[tuple[str, str], Rate]:
    """What `as_json` wrote; ``source`` says where it came from."""
    return {
        (function, device): Rate(**numbers, source=source)
        for function, devices in form.items()
        for device, numbers in devices.items()
    }


def preferred(
    own: Mapping[tuple[str, str], Rate], tracked: Mapping[tuple[str, str], Rate]
) -> dict[tuple[str, str], Rate]:
    """One's ``own`` rates before ``tracked`` ones, unless those tell of much less work: after a smoke run."""
    chosen = dict(tracked)
    for key, rate in own.items():
        if key not in tracked or rate.work >= ENOUGH * tracked[key].work:
            chosen[key] = rate
    return chosen
