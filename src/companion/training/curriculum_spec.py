"""Curricula as plain data: tasks, network, optimiser, schedule and grid; what stored studies are keyed by."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from companion.compute.devices import Precision
from companion.datasets.composed_operations import composed_tasks
from companion.datasets.modular_operations import modular_tasks
from companion.datasets.operation_splits import Split, SplitKind, hold_slice, split_tasks
from companion.datasets.operations import NumberTokens, TaskSet
from companion.datasets.permutation_groups import permutation_tasks
from companion.models.transformer import Norm, TransformerSpec
from companion.training.adaptive_schedules import ByLoss, ByProgress, Gate
from companion.training.curriculum_recipe import check_stages
from companion.training.schedules import Annealed, Blocked, Cooling, Schedule, Static
from companion.training.stacked_adam import AdamSettings
from companion.training.staged_mixtures import Staged

#: Fields of `CurriculumSpec` and `TaskSpec` that networks of one stack may have of their own.
OWN_FIELDS = ("learning_rate", "weight_decay", "fractions", "corruption", "operand_exponent", "weights")


#: Modular operations, compositions of two of them, and products of permutations.
Family = Literal["modular", "composed", "permutation"]

_MOST_ROWS = 2_000_000  # of a table of tokens in memory


class TaskSpec(BaseModel, frozen=True, extra="forbid"):
    """Operations of one family, their tokens and which of their rows are trained on; see `datasets.operation_splits`.

    Of the family composed, ``pairs`` (op1, op2) are the tasks (a op1 b) op2 c, and ``operations`` those that stand
    alone before them, if any. Raises ValueError (pydantic's) for a field of another family and tables of too many rows.
    """

    family: Family = "modular"
    operations: tuple[str, ...] = ("add",)
    pairs: tuple[tuple[str, str], ...] = ()  # composed
    triples: int = Field(default=0, ge=0)  # composed: rows that are kept of each pair's table, 0: all
    prime: int = 31  # modular, composed
    degree: int = 4  # permutation: n of S_n
    vocabulary: NumberTokens | tuple[NumberTokens, ...] = "shared"
    fractions: tuple[float, ...] = (0.5,)
    split: SplitKind = "random"
    corruption: float = 0.0
    operand_exponent: float = 0.0
    held_out: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _of_one_family(self) -> Self:
        composed = self.family == "composed"
        for name, wanted in (("pairs", composed), ("triples", composed)):
            if getattr(self, name) and not wanted:
                raise ValueError(
                    f"{name}: {getattr(self, name)} given; allowed: none for {self.family} tasks"
                )
        if composed and not self.pairs:
            raise ValueError("pairs: none given; allowed: one or more (op1, op2) for composed tasks")
        if self.family != "modular" and self.vocabulary != "shared":
            raise ValueError(f"vocabulary: {self.vocabulary} given; allowed: shared for {self.family} tasks")
        rows = len(self.pairs) * (self.triples or self.prime**3)
        if rows > _MOST_ROWS:
            raise ValueError(
                f"triples: {self.triples} given, {rows} rows in all; allowed: 1 to {_MOST_ROWS // len(self.pairs)}"
            )
        return self

    def tasks(self, root: int) -> TaskSet:
        """The tables; shuffles, opaque tokens and triples are drawn under ``root``. Shared: not to be written to."""
        return _tables(self, root)

    def untrained(self, tasks: TaskSet) -> list[int]:
        """Which operations are held out."""
        return [place for place, name in enumerate(tasks.operations) if name in self.held_out]

    def drawn(self, tasks: TaskSet, root: int, replicate: int) -> Split:
        """The rows that replicate ``replicate`` trains on."""
        shares = self.fractions[0] if len(self.fractions) == 1 else self.fractions
        return split_tasks(
            tasks,
            shares,
            kind=self.split,
            corruption=self.corruption,
            operand_exponent=self.operand_exponent,
            seed=root,
            replicate=replicate,
            held_out=self.held_out,
        )


# Every change of a spec asks for its tables anew; a table of tokens may be large, so that few are kept.
@lru_cache(maxsize=8)
def _tables(spec: TaskSpec, root: int) -> TaskSet:
    if spec.family == "composed":
        kept = spec.triples or None
        return composed_tasks(spec.pairs, spec.prime, primitives=spec.operations, triples=kept, seed=root)
    if spec.family == "permutation":
        return permutation_tasks(spec.operations, spec.degree, seed=root)
    return modular_tasks(spec.operations, spec.prime, vocabulary=spec.vocabulary, seed=root)


# A new spec draws one split to see that it can be drawn: those that differ in other fields need not.
@lru_cache(maxsize=64)
def _check_split(spec: TaskSpec, held_share: float | None) -> None:
    tasks = spec.tasks(0)
    split = spec.drawn(tasks, 0, 0)
    if held_share is not None:
        hold_slice(tasks, split, held_share, kind=spec.split, seed=0, replicate=0)


class ScheduleSpec(BaseModel):
    """A schedule by its kind and what that kind needs; see `training.schedules` and `training.adaptive_schedules`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["static", "blocked", "staged", "annealed", "cooling", "loss", "progress", "gate"] = "static"
    weights: tuple[float, ...] = ()  # static; even over the operations that are trained where it is empty
    stages: tuple[tuple[float, ...], ...] = ()  # staged: weights of each stage, up to its end
    order: tuple[int, ...] = ()  # blocked, gate; as listed where it is empty
    ends: tuple[float, ...] = ()
    replay: float = 0.0
    first: int = 0  # annealed
    towards: int | None = None
    until: float = 1.0
    difficulty: tuple[float, ...] = ()  # cooling
    sharpness: float = 3.0
    focus: float = 1.0  # loss
    floor: float = 0.05  # progress
    threshold: float = 0.9  # gate
    looks: int = 2

    @property
    def adapts(self) -> bool:
        """Whether it is told how the training goes."""
        return self.kind in ("loss", "progress", "gate")

    def build(self, operations: int, untrained: Collection[int] = ()) -> Schedule:
        """The schedule over so many operations, of which some are ``untrained``.

        Raises ValueError where it is one over another number, or gives weight to an untrained one.
        """
        order = self.order or tuple(range(operations))
        trained = operations - len(untrained)
        even = tuple(0.0 if each in untrained else 1.0 / trained for each in range(operations))
        made: dict[str, Any] = {
            "static": lambda: Static(self.weights or even),
            "blocked": lambda: Blocked(order, self.replay, self.ends),
            "staged": lambda: Staged(self.stages, self.ends),
            "annealed": lambda: Annealed(operations, self.first, self.until, self.towards),
            "cooling": lambda: Cooling(
                self.difficulty or tuple(map(float, order)), self.sharpness, self.until
            ),
            "loss": lambda: ByLoss(operations, self.focus),
            "progress": lambda: ByProgress(operations, self.floor),
            "gate": lambda: Gate(order, self.threshold, self.looks, self.replay),
        }
        schedule: Schedule = made[self.kind]()
        if schedule.operations != operations:
            raise ValueError(
                f"schedule: one of {schedule.operations} operations given; allowed: one of {operations}"
            )
        check_untrained(schedule, untrained)
        return schedule


def check_untrained(schedule: Schedule, untrained: Collection[int]) -> None:
    """Raises ValueError where ``schedule`` ever gives weight to an operation that has no training rows."""
    asked = sorted(each for each in untrained if schedule.used()[each])
    if asked:
        raise ValueError(
            f"schedule: weight above 0 given to operation {', '.join(map(str, asked))}, which is held_out; allowed: "
            "weight on trained operations only"
        )


class CurriculumSpec(BaseModel):
    """A training of small transformers on several operations; defaults are the nano network of a laptop.

    ``batch`` rows a step, 0 for all. Where the schedule adapts, ``held_share`` of each operation's training rows is
    kept from training, and the schedule is judged on it. Accuracies are recorded every ``every`` steps and on a
    logarithmic grid of ``logarithmic`` points; weights at ``checkpoints`` logarithmic and ``linear_checkpoints`` evenly
    spaced steps; right answers row by row at ``moments``. Raises ValueError (pydantic's), naming the field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tasks: TaskSpec = TaskSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    steps: int = Field(default=1100, ge=1)
    batch: int = Field(default=0, ge=0)
    width: int = 32
    layers: int = 1
    heads: int = 4
    hidden: int = 128
    norm: Norm = "rms"
    tied: bool = False
    scale: float = 1.0
    learning_rate: float = 5e-3
    weight_decay: float = 1.0
    warm_up: int = 10
    decay_share: float = 0.3
    clip: float = 0.0
    look_every: int = Field(default=25, ge=1)
    held_share: float = Field(default=0.1, gt=0, lt=1)
    consolidation: float = Field(default=0.0, ge=0)
    reset_moments: bool = False
    precision: Precision = "float32"
    every: int = Field(default=25, ge=1)
    logarithmic: int = Field(default=60, ge=2)
    checkpoints: int = Field(default=0, ge=0)
    linear_checkpoints: int = Field(default=0, ge=0)
    moments: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _can_be_run(self) -> "CurriculumSpec":
        tasks = self.tasks.tasks(0)
        _check_split(self.tasks, self.held_share if self.schedule.adapts else None)
        self.network(tasks)
        _ = self.adam
        check_stages(self.built_schedule(tasks), self.consolidation, self.reset_moments)
        if any(not 0 <= moment <= self.steps for moment in self.moments):
            raise ValueError(f"moments: {self.moments} given; allowed: steps from 0 to {self.steps}")
        return self

    def split(self, tasks: TaskSet, root: int, replicate: int, hold: bool = False) -> Split:
        """The rows of replicate ``replicate``: with a slice held where the schedule adapts, or to ``hold``."""
        split = self.tasks.drawn(tasks, root, replicate)
        if not (hold or self.schedule.adapts):
            return split
        return hold_slice(
            tasks, split, self.held_share, kind=self.tasks.split, seed=root, replicate=replicate
        )

    def built_schedule(self, tasks: TaskSet) -> Schedule:
        """The schedule over the operations of these tasks; those held out have no weight."""
        return self.schedule.build(len(tasks.operations), self.tasks.untrained(tasks))

    def network(self, tasks: TaskSet) -> TransformerSpec:
        """The network that reads these tasks."""
        return TransformerSpec(
            tasks.vocabulary,
            tasks.classes,
            tasks.positions,
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            hidden=self.hidden,
            norm=self.norm,
            tied=self.tied,
            scale=self.scale,
        )

    @property
    def adam(self) -> AdamSettings:
        """The optimiser."""
        return AdamSettings(
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warm_up=self.warm_up,
            decay_share=self.decay_share,
            clip=self.clip,
        )

    def changed(self, **fields: Any) -> "CurriculumSpec":
        """The same spec with some fields changed, validated anew."""
        return CurriculumSpec(**(self.model_dump() | fields))

    def varied(self, own: Mapping[str, Any]) -> "CurriculumSpec":
        """The spec of one network of a stack; raises ValueError for a field that a stack must share."""
        unknown = set(own) - set(OWN_FIELDS)
        if unknown:
            raise ValueError(
                f"variations: {', '.join(sorted(unknown))} given; allowed in one stack: {', '.join(OWN_FIELDS)}"
            )
        tasks = {name: value for name, value in own.items() if name in TaskSpec.model_fields}
        fields = {name: value for name, value in own.items() if name in CurriculumSpec.model_fields}
        schedule = self.schedule.model_dump()
        if "weights" in own:
            schedule |= {"kind": "static", "weights": tuple(own["weights"])}
        return self.changed(**fields, tasks=self.tasks.model_dump() | tasks, schedule=schedule)
