"""Curricula that are stored, in words: operations, shares, schedule and the rest, and the seeds of each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from companion.explore.missing import NotStored
from companion.explore.shelf import StoredCall, stored_calls
from companion.store.upkeep import whole_manifest
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
    """What the stores hold of `studies.curriculum_runs`, by name; damaged results are left out.

    Where several versions of the code have trained the same networks, those of the newest result.
    """
    made: dict[tuple[str, str, str, str], dict[int, tuple[Path, int]]] = {}
    codes: dict[tuple[str, str, str, str], str] = {}
    for call in stored_calls(curriculum_runs):
        given = call.texts
        for place, condition in enumerate(given["conditions"]):
            own = {name: value for name, value in condition.items() if name != "replicate"}
            texts = _texts(given["spec"], own, given["seed"])
            if codes.setdefault(texts, call.code) == call.code:
                made.setdefault(texts, {}).setdefault(condition["replicate"], (call.folder, place))
    return [Training(*texts, replicates=dict(sorted(known.items()))) for texts, known in sorted(made.items())]


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
        kind = "mixed " + " : ".join(map(_plain, weights)) if count > 1 else "alone"
    changed = _differences(schedule, ScheduleSpec().model_dump())
    batch = f"batches of {fields['batch']}" if fields["batch"] else "all rows"
    shown = ("operations", "fractions", "tasks", "schedule", "steps", "batch", "model")
    rest = [f"{fields['steps']} steps", batch, f"root seed {seed}"]
    for values, usual in ((tasks, TaskSpec().model_dump()), (fields, CurriculumSpec().model_dump())):
        left = {name: value for name, value in values.items() if name not in shown}
        rest += _differences(left, usual, always=[name for name in OWN_FIELDS if name in own])
    return (
        " + ".join(tasks["operations"]),
        "f = " + ", ".join(map(_plain, shares)),
        ", ".join([kind, *changed]),
        ", ".join(rest),
    )


def _differences(
    values: Mapping[str, Any], usual: Mapping[str, Any], always: Sequence[str] = ()
) -> list[str]:
    """Names and values of what is not as usual; fields that the code no longer knows are named too."""
    found = []
    for name, value in values.items():
        plain = list(value) if isinstance(value, list | tuple) else value
        default = usual.get(name)
        same = plain == (list(default) if isinstance(default, tuple) else default)
        if name != "model" and (not same or name in always):
            text = " ".join(map(_plain, plain)) if isinstance(plain, list) else _plain(plain)
            found.append(f"{name.replace('_', ' ')} {text}")
    return found


def _plain(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def more_seeds(training: Training, seeds: int) -> NotStored:
    """What to train so that ``training`` has so many replicates, numbered from 0: those that are not stored.

    All of them where the code has changed since the stored ones were trained.
    """
    folder, place = next(iter(training.replicates.values()))
    call = StoredCall(folder, whole_manifest(folder))
    given = call.arguments
    own = {name: value for name, value in given["conditions"][place].items() if name != "replicate"}
    same = curriculum_runs.address(**given).key == folder.name
    missing = [each for each in range(seeds) if not (same and each in training.replicates)]
    conditions = [own | {"replicate": each} for each in missing]
    what = f"seeds {', '.join(map(str, missing))}"
    return NotStored(what, curriculum_runs, **(given | {"conditions": conditions}))
