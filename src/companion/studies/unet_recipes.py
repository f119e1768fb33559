"""How the score models of arXiv:2605.06367's experiments are trained and watched here, and on which images.

The paper's classes, counts, widths and optimiser are not in the text that we could read: every setting is ours.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from companion.analysis.twins import twin_flags
from companion.datasets.fashion_mnist import CLASS_NAMES, Data, FashionMNIST, class_number
from companion.datasets.image_dials import BASE_NORM, dialled_pair
from companion.datasets.image_pairs import Centring, ImagePair, draw_pair
from companion.models.unet import UNetSpec
from companion.theory.noise_schedule import NoiseSchedule
from companion.training.diffusion_draws import RunName
from companion.training.diffusion_recipe import DiffusionSpec, Optimisation, log_spaced_steps

#: Noise levels whose losses are stored: t_OU = .01, .1 and .5 among them.
LOSS_INDICES = (40, 50, 136, 150, 311, 500, 800)


class Recipe(Optimisation):
    """What all runs of a sweep share: data, network, optimiser, and how they are watched.

    ``samples`` are generated from fixed latents with ``sampler_steps`` steps at each of about ``checkpoints`` steps
    from ``first_checkpoint`` to ``steps``; ``check_steps`` steps are used once more at the end. ``loss_rows`` noisy
    images of each class give the losses, ``feature_rows`` held-out ones hidden features; ``shown`` samples are kept.
    """

    data: Data = "embedded"
    side: Literal[16, 28] = 16
    base: int = Field(default=32, ge=8)
    multipliers: tuple[int, ...] = (1, 2)
    blocks: int = Field(default=1, ge=1)
    patch: int = Field(default=2, ge=1)
    attention: tuple[int, ...] = ()
    dropout: float = Field(default=0.0, ge=0, lt=1)
    steps: int = Field(default=1500, ge=1)
    first_checkpoint: int = Field(default=75, ge=1)
    checkpoints: int = Field(default=12, ge=1)
    samples: int = Field(default=256, ge=30)
    sampler_steps: int = Field(default=25, ge=1)
    check_steps: int = Field(default=50, ge=1)
    loss_rows: int = Field(default=128, ge=2)
    feature_rows: int = Field(default=50, ge=2)
    shown: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _can_be_run(self) -> "Recipe":
        NoiseSchedule().sampling_grid(max(self.sampler_steps, self.check_steps))
        _ = self.training  # refuses a network that does not fit
        return self

    @property
    def training(self) -> DiffusionSpec:
        """The recipe for `train_score_model`."""
        network = UNetSpec(
            side=self.side,
            base=self.base,
            multipliers=self.multipliers,
            blocks=self.blocks,
            patch=self.patch,
            attention=self.attention,
            dropout=self.dropout,
        )
        return DiffusionSpec(
            network=network,
            checkpoints=log_spaced_steps(
                min(self.first_checkpoint, self.steps), self.steps, self.checkpoints
            ),
            **self.optimisation,
        )

    def changed(self, **fields: Any) -> "Recipe":
        """The same recipe with some fields changed, validated anew."""
        return Recipe(**(self.model_dump() | fields))


class ImageSetting(BaseModel):
    """Which images a run learns: two classes, or two halves of one class of which one is changed.

    ``second`` is the other class, or empty for a dial: then class 0 is a half of ``first`` whose standard deviation is
    ``gain`` times, and whose centroid norm ``norm_ratio`` times, that of class 1, the other half. ``first_share`` is
    the share of class 0 in the batches, that of its images where it is 0. ``drop_twins`` leaves out images with a
    near twin of their class, copies of which the criterion cannot see.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: str = "Bag"
    second: str = "Trouser"
    first_count: int = Field(default=16, ge=1)
    second_count: int = Field(default=16, ge=1)
    first_share: float = Field(default=0.0, ge=0, lt=1)
    centring: Centring = "pair"
    gain: float = Field(default=1.0, gt=0)
    norm_ratio: float = Field(default=1.0, gt=0)
    drop_twins: Literal[0, 1] = 0

    @model_validator(mode="after")
    def _classes_exist(self) -> "ImageSetting":
        for name in filter(None, (self.first, self.second)):
            class_number(name)
        return self

    def condition(self, replicate: int) -> dict[str, Any]:
        """This setting as the condition of a sweep; ``replicate`` numbers training sets and starts."""
        return self.model_dump() | {"replicate": replicate}

    def changed(self, **fields: Any) -> "ImageSetting":
        """The same setting with some fields changed, validated anew."""
        return ImageSetting(**(self.model_dump() | fields))

    @property
    def name(self) -> tuple[str | int, ...]:
        """What the draw of images is named after: classes alone, so that settings of one pair share their images."""
        return ("images", self.first, self.second)

    def draw(self, data: FashionMNIST, side: int, run: RunName) -> ImagePair:
        """The images of this setting, the same ones for all counts, gains and norms of a replicate."""
        twins: list[int] = []
        if self.drop_twins:
            everything = self.everything(data, side, run)
            twins = everything.train_source[twin_flags(everything.train, everything.train_labels)].tolist()
        return self._drawn(data, side, run, (self.first_count, self.second_count), twins)

    def everything(self, data: FashionMNIST, side: int, run: RunName) -> ImagePair:
        """All training images that there are, in the coordinates of this setting: what rulers are fitted on."""
        return self._drawn(data, side, run, self.available(data))

    def available(self, data: FashionMNIST) -> tuple[int, int]:
        """How many training images each of the two classes has."""
        own = int((data.train_labels == class_number(self.first)).sum())
        if not self.second:
            return own // 2, own // 2
        return own, int((data.train_labels == class_number(self.second)).sum())

    def _drawn(
        self, data: FashionMNIST, side: int, run: RunName, counts: tuple[int, int], drop: Sequence[int] = ()
    ) -> ImagePair:
        generator = run.numpy("draw")
        if self.second:
            return draw_pair(
                data,
                (self.first, self.second),
                counts,
                side=side,
                centring=self.centring,
                generator=generator,
            )
        base = BASE_NORM[side]
        return dialled_pair(
            data,
            self.first,
            counts,
            gains=(self.gain, 1.0),
            norms=(base * self.norm_ratio, base),
            side=side,
            generator=generator,
            drop=drop,
        )


def named_pairs(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of classes from texts, with the classes' published names.

    Raises ValueError, with the ten names, for what is no pair.

    >>> named_pairs(["bag/trouser"])
    [('Bag', 'Trouser')]
    """
    pairs = []
    for text in texts:
        names = [CLASS_NAMES[class_number(name.strip())] for name in text.split("/")]
        if len(names) != 2 or names[0] == names[1]:
            raise ValueError(f"pair {text!r} given; allowed are two classes such as 'Bag/Trouser'")
        pairs.append((names[0], names[1]))
    return pairs
