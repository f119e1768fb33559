"""A residual multilayer perceptron as denoiser, for vectors without geometry and for quick tests."""

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from companion.models.unet import level_waves


class ScoreMLPSpec(BaseModel):
    """Shape of the perceptron: ``dimension`` inputs, ``blocks`` residual blocks of ``width`` units."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: int = Field(default=256, ge=1)
    width: int = Field(default=512, ge=8, multiple_of=2)
    blocks: int = Field(default=3, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    def build(self) -> "ScoreMLP":
        """The network, with weights that the caller has yet to draw."""
        return ScoreMLP(self)


class PerceptronBlock(nn.Module):
    """x + linear(SiLU(linear(SiLU(norm x)) + embedding))."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.level = nn.Linear(width, width)

    def forward(self, x: Tensor, embedding: Tensor, keep: Tensor | None) -> Tensor:
        hidden = functional.silu(self.first(functional.silu(self.norm(x))) + self.level(embedding))
        return x + self.second(hidden if keep is None else hidden * keep)


class ScoreMLP(nn.Module):
    """F(x, index): vectors (batch, d) and noise levels (batch,) in, vectors out."""

    def __init__(self, spec: ScoreMLPSpec):
        super().__init__()
        self.spec = spec
        self.embed = nn.Sequential(nn.Linear(64, spec.width), nn.SiLU(), nn.Linear(spec.width, spec.width))
        self.stem = nn.Linear(spec.dimension, spec.width)
        self.stack = nn.ModuleList(PerceptronBlock(spec.width) for _ in range(spec.blocks))
        self.norm = nn.LayerNorm(spec.width)
        self.head = nn.Linear(spec.width, spec.dimension)

    @property
    def channels(self) -> int:
        """Units that dropout acts on, over all blocks: the width of ``keep``."""
        return self.spec.width * self.spec.blocks

    def start_at_zero(self) -> list[str]:
        """Names of the weights that are zero at the start: the last ones of each block, and the head's."""
        modules = [f"stack.{place}.second" for place in range(self.spec.blocks)] + ["head"]
        return [f"{module}.{kind}" for module in modules for kind in ("weight", "bias")]

    def forward(self, x: Tensor, index: Tensor, keep: Tensor | None = None) -> Tensor:
        """F (batch, d). ``keep`` (batch, channels) multiplies units inside blocks: dropout drawn by the caller."""
        hidden = self.features(x, index, keep)
        return self.head(functional.silu(self.norm(hidden)))

    def features(self, x: Tensor, index: Tensor, keep: Tensor | None = None) -> Tensor:
        """The last hidden layer, (batch, width)."""
        embedding = functional.silu(self.embed(level_waves(index, 64)))
        masks = [None] * self.spec.blocks if keep is None else keep.split(self.spec.width, dim=1)
        hidden = self.stem(x)
        for block, mask in zip(self.stack, masks, strict=True):
            hidden = block(hidden, embedding, mask)
        return hidden
