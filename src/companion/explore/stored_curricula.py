"""Curricula that are stored, in words: operations, shares, schedule and the rest, and the seeds of each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from companion.explore.missing import NotStored
from companion.explore.shelf import differences, more_replicates, plain, replicated
from companion.studies.curriculum_runs import curriculum_runs
from companion.training.curriculum_spec import OWN_FIELDS, CurriculumSpec, ScheduleSpec, TaskSpec

#: What is chosen, one after the other: each offers only what the choices before it leave.
CHOICES: Final = ("operations", "shares", "schedule", "rest")


class Training(NamedTuple):
    """Stored networks that differ in their replicate only.

    ``operations``, trained ``shares`` of their tables, ``schedule`` and the ``rest`` of their settings as text, and for
    each ``replicates`` its folder in the store and its number in the stack that was trained there.
    """

    operations: str
    shares: str
    schedule: str
    rest: str
    replicates: Mapping[int, tuple[Path, int]]


def listed() -> list[Training]:
    """What the stores hold of `studies.curriculum_runs`, by name."""
    return [
        Training(*texts, replicates=found) for texts, found in replicated(curriculum_runs, _words).items()
    ]


def _words(given: Mapping[str, Any], condition: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """`CHOICES` of one network of a stack."""
    own = {name: value for name, value in condition.items() if name != "replicate"}
    return _texts(given["spec"], own, given["seed"])


def _texts(spec: Mapping[str, Any], own: Mapping[str, Any], seed: int) -> tuple[str, str, str, str]:
    """`CHOICES` of one network: its spec, as the store keeps it, with the fields that it has of its own."""
    tasks = dict(spec["tasks"]) | {
        name: value for name, value in own.items() if name in TaskSpec.model_fields
    }
    fields = dict(spec) | {name: value for name, value in own.items() if name in CurriculumSpec.model_fields}
    schedule = dict(spec["schedule"])
    if "weights" in own:
        schedule |= {"kind": "static", "weights": own["weights"]}
    count = len(tasks["operations"])
    shares = tasks["fractions"] if len(tasks["fractions"]) > 1 else list(tasks["fractions"]) * count
    kind = schedule.pop("kind")
    if kind == "static":
        weights = schedule.pop("weights") or [1 / count] * count
        kind = "mixed " + " : ".join(map(plain, weights)) if count > 1 else "alone"
    changed = differences(schedule, ScheduleSpec().model_dump())
    batch = f"batches of {fields['batch']}" if fields["batch"] else "all rows"
    shown = ("operations", "fractions", "tasks", "schedule", "steps", "batch", "model")
    rest = [f"{fields['steps']} steps", batch, f"root seed {seed}"]
    for values, usual in ((tasks, TaskSpec().model_dump()), (fields, CurriculumSpec().model_dump())):
        left = {name: value for name, value in values.items() if name not in shown}
        rest += differences(left, usual, always=[name for name in OWN_FIELDS if name in own])
    return (
        " + ".join(tasks["operations"]),
        "f = " + ", ".join(map(plain, shares)),
        ", ".join([kind, *changed]),
        ", ".join(rest),
    )


def more_seeds(training: Training, seeds: int) -> NotStored:
    """What to train so that ``training`` has so many replicates, numbered from 0: those that are not stored."""
    return more_replicates(curriculum_runs, training.replicates, range(seeds))


def first_training() -> NotStored:
    """What to train where nothing is stored: one operation, twice."""
    conditions = [{"replicate": replicate} for replicate in range(2)]
    return NotStored("a curriculum", curriculum_runs, conditions, CurriculumSpec(), 0)
