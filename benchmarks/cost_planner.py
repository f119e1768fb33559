"""Costs that the planner predicts against those that were measured, study by study.

    COMPANION_STORE=build/store python benchmarks/cost_planner.py [--runs build/runs] [--told-by WHAT]

Each study that a notebook of the profile used is predicted from rates. ``--told-by others``: those of all results but
the study and what it used; ``notebooks``: but all results of its notebook; ``tracked``: params/calibration.json,
which should be older than the results. Measured are CPU seconds of the study and of all results that it used, those
of workers included, without the compilation that manifests tell. A study is predicted well within a factor of 1.5, or
within the seconds that any study may be wrong by. Studies are counted apart if nothing else tells a rate, or only
results a hundred times smaller, of a smoke run, which measure imports and first uses.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from companion.run.bill import JOINING_SECONDS, SHORT_SECONDS
from companion.run.foresee import tracked_rates
from companion.store.artefacts import Address, read_manifest, store_roots
from companion.store.calibration import Rate, Sample, rates, samples

GOAL = 1.5
SMALL = 100


def read(key: str, function: str) -> Mapping[str, Any] | None:
    """Manifest of a result, None where it is gone."""
    folder = Address(function, key).find()
    return read_manifest(folder) if folder else None


def tree(key: str, function: str) -> dict[str, str]:
    """A result and all that it used, each once: function by key."""
    found, waiting = {}, {key: function}
    while waiting:
        key, function = waiting.popitem()
        if key not in found:
            found[key] = function
            waiting |= (read(key, function) or {"used": {}})["used"]
    return found


def studies(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Key and function of what the notebook called itself."""
    keys = record["keys"]
    inside = {
        used for key, function in keys.items() for used in (read(key, function) or {"used": {}})["used"]
    }
    yield from (
        (key, function)
        for key, function in sorted(keys.items(), key=lambda each: each[1])
        if key not in inside
    )


def predicted(
    members: Mapping[str, str], known: Mapping[str, Sample], table: Mapping[tuple[str, str], Rate]
) -> tuple[float, bool]:
    """Seconds by the rates, NaN where a function that computes has none; and whether small results told most."""
    total = small = 0.0
    for key, function in members.items():
        sample = known.get(key)
        rate = table.get((function, sample.device)) if sample else None
        if rate is not None and sample is not None:
            total += rate.seconds * sample.work
            small += rate.seconds * sample.work * (rate.largest < sample.work / SMALL)
        elif (read(key, function) or {}).get("used"):
            total += JOINING_SECONDS
        else:
            return np.nan, False
    return total, small > total / 3


def main() -> None:
    """Print a line for each study, then how many were predicted well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--runs", type=Path, default=Path("build/runs"))
    parser.add_argument("--told-by", choices=("others", "notebooks", "tracked"), default="others")
    parser.add_argument("--least", type=float, default=1.0, help="leave out studies of fewer seconds")
    chosen = parser.parse_args()
    known = {sample.key: sample for sample in samples(store_roots(), most=10**6)}
    print(f"{'study':56s} {'measured s':>10s} {'predicted s':>11s} {'ratio':>6s}")
    good, by_factor, counted, silent, compiling, whole = 0, 0, 0, [], 0.0, np.zeros(2)
    for path in sorted((chosen.runs / chosen.profile).glob("*.record.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        print(record["notebook"])
        for key, function in studies(record):
            members = tree(key, function)
            unseen = set(members)
            if chosen.told_by == "notebooks":
                unseen |= {used for each, name in record["keys"].items() for used in tree(each, name)}
            measured = sum(known[member].seconds for member in members if member in known)
            if measured < chosen.least:
                continue
            compiling += sum(known[member].compiling or 0.0 for member in members if member in known)
            tracked = chosen.told_by == "tracked"
            table = tracked_rates() if tracked else rates(known.values(), without=unseen)
            expected, small = predicted(members, known, table)
            if not np.isfinite(expected):
                silent.append(function)
                print(f"  {function:54s} {measured:10.1f} {'no rate':>11s}")
                continue
            ratio = expected / measured
            within = 1 / GOAL <= ratio <= GOAL
            short = abs(expected - measured) <= SHORT_SECONDS
            mark = "" if within else f"  within {SHORT_SECONDS:.0f} s" if short else "  beyond the goal"
            if small:
                silent.append(function)
                mark = "  from much smaller results"
            else:
                counted, by_factor, good = counted + 1, by_factor + within, good + (within or short)
                whole += measured, expected
            print(f"  {function:54s} {measured:10.1f} {expected:11.1f} {ratio:6.2f}{mark}")
    print(
        f"within a factor of {GOAL}: {by_factor} of {counted} studies; or within {SHORT_SECONDS:.0f} s: {good}; "
        f"not, or hardly, told by other results: {len(silent)}; compiled besides: {compiling:.0f} s"
    )
    print(
        f"all of them: measured {whole[0]:.0f} s, predicted {whole[1]:.0f} s, ratio {whole[1] / whole[0]:.2f}"
    )


if __name__ == "__main__":
    main()
