"""What a training of transformers is made of: networks, recipe, and those who watch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from numpy.typing import NDArray
from torch import Tensor

from companion.compute.devices import Precision
from companion.models.transformer import TransformerSpec, TransformerStack
from companion.training.diffusion_draws import RunName
from companion.training.schedules import Schedule
from companion.training.stacked_adam import AdamSettings


@dataclass(frozen=True)
class NetworkRun:
    """One network of a stack: where its draws come from, and its own rates; one that is None is the recipe's."""

    name: RunName
    learning_rate: float | None = None
    weight_decay: float | None = None


@dataclass(frozen=True)
class CurriculumRecipe:
    """How a stack is trained: ``steps`` steps on rows of operations that are mixed by ``schedule``.

    ``look_every`` steps an adaptive schedule is told losses and accuracies. Whenever a network jumps to another stage
    of the schedule, ``consolidation`` γ anchors its weights, (γ/2) |θ - θ_switch|² (arXiv:2106.08068), and
    ``reset_moments`` starts its optimiser anew. Raises ValueError, naming the field, and where these two have no stages
    to act on.
    """

    network: TransformerSpec
    schedule: Schedule
    steps: int
    adam: AdamSettings = field(default_factory=AdamSettings)
    look_every: int = 25
    consolidation: float = 0.0
    reset_moments: bool = False
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("look_every", 1), ("consolidation", 0)):
            value = getattr(self, name)
            if not value >= least:
                raise ValueError(f"{name}: {value} given; allowed: a number >= {least}")
        check_stages(self.schedule, self.consolidation, self.reset_moments)


def check_stages(schedule: Schedule, consolidation: float, reset_moments: bool) -> None:
    """Raises ValueError for consolidation or moments to be reset under a schedule that never jumps."""
    if (consolidation or reset_moments) and not schedule.staged:
        raise ValueError(
            f"consolidation, reset_moments: {consolidation:g}, {reset_moments} given with the schedule "
            f"{type(schedule).__name__}, which has no stages; allowed: 0, False, or a schedule with stages"
        )


@dataclass(frozen=True)
class Snapshot:
    """The stack as monitors see it at a checkpoint."""

    step: int
    stack: TransformerStack
    weights: Tensor

    def logits(self, tokens: Tensor) -> Tensor:
        """Logits (S, rows, classes) of ``tokens`` (S, rows, positions)."""
        return self.stack.logits(self.weights, tokens)

    def features(self, tokens: Tensor) -> Tensor:
        """Residual streams (S, rows, width) at the last position."""
        return self.stack.features(self.weights, tokens)


class Monitor(Protocol):
    """Looks at the stack at its checkpoints; names map to (dims after ``run``, array (S, ...)), recorded by step."""

    @property
    def steps(self) -> Sequence[int]:
        """Steps after which it looks."""
        ...

    @property
    def dim(self) -> str:
        """Name of the dim of these steps."""
        ...

    def __call__(self, snapshot: Snapshot) -> Mapping[str, tuple[tuple[str, ...], NDArray]]: ...
