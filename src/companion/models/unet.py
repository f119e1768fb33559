"""A small U-Net that denoises images, in plain torch.

Pre-norm residual blocks (arXiv:2006.11239) with the noise level added between their convolutions, skip connections by
concatenation, optional self-attention. Each block and the head start at zero, so that the untrained network is F = 0.
"""

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional


class UNetSpec(BaseModel):
    """Shape of a U-Net; ``multipliers`` are the widths of its levels over ``base``.

    ``patch`` pixels on a side become channels at the input and pixels again at the output, so that all convolutions
    run at a lower resolution. ``attention`` names levels (0 is the finest) whose blocks attend to all positions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: int = Field(default=16, ge=2)
    base: int = Field(default=32, ge=8, multiple_of=8)
    multipliers: tuple[int, ...] = Field(default=(1, 2), min_length=1)
    blocks: int = Field(default=1, ge=1)
    patch: int = Field(default=2, ge=1)
    attention: tuple[int, ...] = ()
    dropout: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _divides(self) -> "UNetSpec":
        step = self.patch * 2 ** (len(self.multipliers) - 1)
        if self.side % step:
            raise ValueError(
                f"side {self.side} must be a multiple of {step} (patch {self.patch}, {len(self.multipliers)} levels)"
            )
        if any(level not in range(len(self.multipliers)) for level in self.attention):
            raise ValueError(f"attention {self.attention}: levels are 0 to {len(self.multipliers) - 1}")
        return self

    @property
    def dimension(self) -> int:
        """Pixels of an image."""
        return self.side**2

    def build(self) -> "UNet":
        """The network, with weights that the caller has yet to draw."""
        return UNet(self)


class ResidualBlock(nn.Module):
    """x + conv(SiLU(norm(conv(SiLU(norm x)) + embedding))), then attention where it is asked for."""

    def __init__(self, inputs: int, outputs: int, embedding: int, *, attention: bool):
        super().__init__()
        self.before, self.after = nn.GroupNorm(8, inputs), nn.GroupNorm(8, outputs)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.level = nn.Linear(embedding, outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.attention = SelfAttention(outputs) if attention else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor, keep: Tensor | None) -> Tensor:
        hidden = self.first(functional.silu(self.before(x)))
        hidden = hidden + self.level(embedding)[:, :, None, None]
        hidden = functional.silu(self.after(hidden))
        if keep is not None:
            hidden = hidden * keep[:, :, None, None]
        return self.attention(self.skip(x) + self.second(hidden))


class SelfAttention(nn.Module):
    """Residual attention among all positions, one head for every 32 channels."""

    def __init__(self, channels: int):
        super().__init__()
        self.heads = max(channels // 32, 1)
        self.norm = nn.GroupNorm(8, channels)
        self.into = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        parts = self.into(self.norm(x)).reshape(batch, 3, self.heads, channels // self.heads, height * width)
        query, key, value = parts.transpose(-1, -2).unbind(1)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return x + self.out(mixed.transpose(-1, -2).reshape(batch, channels, height, width))


class UNet(nn.Module):
    """F(x, index): images as rows of pixels (batch, d) and noise levels (batch,) in, rows out."""

    def __init__(self, spec: UNetSpec):
        super().__init__()
        self.spec = spec
        #: Layout of the activations: convolutions of one network are faster so.
        self.channels_last: bool = False
        widths = [spec.base * multiplier for multiplier in spec.multipliers]
        embedding = 4 * spec.base
        self.embed = nn.Sequential(
            nn.Linear(spec.base, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        self.stem = nn.Conv2d(spec.patch**2, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.shrink, self.grow = nn.ModuleList(), nn.ModuleList()
        self.dropped: list[int] = []

        def block(inputs: int, outputs: int, level: int) -> ResidualBlock:
            self.dropped.append(outputs)
            return ResidualBlock(inputs, outputs, embedding, attention=level in spec.attention)

        width, skips = widths[0], [widths[0]]
        for level, outputs in enumerate(widths):
            for _ in range(spec.blocks):
                self.down.append(block(width, outputs, level))
                width = outputs
                skips.append(width)
            if level + 1 < len(widths):
                self.shrink.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skips.append(width)
        coarsest = len(widths) - 1
        self.middle = nn.ModuleList(block(width, width, coarsest) for _ in range(2))
        for level in reversed(range(len(widths))):
            for _ in range(spec.blocks + 1):
                self.up.append(block(width + skips.pop(), widths[level], level))
                width = widths[level]
            if level:
                self.grow.append(nn.Conv2d(width, width, 3, padding=1))
        self.norm = nn.GroupNorm(8, width)
        self.head = nn.Conv2d(width, spec.patch**2, 3, padding=1)

    @property
    def channels(self) -> int:
        """Channels that dropout acts on, over all blocks: the width of ``keep``."""
        return sum(self.dropped)

    def start_at_zero(self) -> list[str]:
        """Names of the weights that are zero at the start: the last ones of each block, and the head's."""
        last = [name for name, module in self.named_modules() if isinstance(module, ResidualBlock)]
        attending = [name for name, module in self.named_modules() if isinstance(module, SelfAttention)]
        modules = [f"{name}.second" for name in last] + [f"{name}.out" for name in attending] + ["head"]
        return [f"{module}.{kind}" for module in modules for kind in ("weight", "bias")]

    def forward(self, x: Tensor, index: Tensor, keep: Tensor | None = None) -> Tensor:
        """F (batch, d). ``keep`` (batch, channels) multiplies channels inside blocks: dropout drawn by the caller."""
        return self._run(x, index, keep)[0]

    def features(self, x: Tensor, index: Tensor) -> Tensor:
        """What the middle of the network holds, averaged over positions, (batch, width)."""
        return self._run(x, index, None)[1].mean((-1, -2))

    def _run(self, x: Tensor, index: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
        side, patch = self.spec.side, self.spec.patch
        embedding = functional.silu(self.embed(level_waves(index, self.spec.base)))
        masks = iter([None] * len(self.dropped) if keep is None else keep.split(self.dropped, dim=1))
        image = functional.pixel_unshuffle(x.reshape(-1, 1, side, side), patch)
        hidden = self.stem(
            image.contiguous(memory_format=torch.channels_last) if self.channels_last else image
        )
        skips = [hidden]
        blocks = self.spec.blocks
        for place, block in enumerate(self.down):
            hidden = block(hidden, embedding, next(masks))
            skips.append(hidden)
            if (place + 1) % blocks == 0 and (place + 1) // blocks <= len(self.shrink):
                hidden = self.shrink[place // blocks](hidden)
                skips.append(hidden)
        for block in self.middle:
            hidden = block(hidden, embedding, next(masks))
        middle = hidden
        for place, block in enumerate(self.up):
            hidden = block(torch.cat([hidden, skips.pop()], dim=1), embedding, next(masks))
            if (place + 1) % (blocks + 1) == 0 and (place + 1) // (blocks + 1) <= len(self.grow):
                hidden = self.grow[place // (blocks + 1)](_doubled(hidden))
        out = self.head(functional.silu(self.norm(hidden)))
        return functional.pixel_shuffle(out, patch).reshape(x.shape), middle


def _doubled(images: Tensor) -> Tensor:
    """Each pixel four times, by copying alone: its gradient is the same sum in any run."""
    batch, channels, height, width = images.shape
    wide = images[:, :, :, None, :, None].expand(batch, channels, height, 2, width, 2)
    return wide.reshape(batch, channels, 2 * height, 2 * width)


def level_waves(index: Tensor, width: int) -> Tensor:
    """Sines and cosines of the noise level at wavelengths from 2π to 2π 10⁴, (batch, width)."""
    rates = torch.exp(torch.linspace(0, -9.21, width // 2, device=index.device))
    angles = index[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
