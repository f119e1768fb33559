"""The settings of the random-features experiments, by name (arXiv:2605.06367; parameters are ours)."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from companion.theory.mixtures import Mixture


class ScoreSetting(BaseModel):
    """What a random-features score model is trained on: a mixture, its sizes, the weights in its loss.

    ``weights`` are the shares of examples; ``class_weights`` those in the loss, the same unless given.
    ``sample_ratio`` is ψ_n = n/d and ``feature_ratio`` ψ_p = p/d.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: tuple[float, ...]
    standard_deviations: tuple[float, ...]
    centroid_gram: tuple[tuple[float, ...], ...]
    diffusion_time: float
    sample_ratio: float
    feature_ratio: float
    activation: str = "tanh"
    class_weights: tuple[float, ...] | None = None

    @property
    def mixture(self) -> Mixture:
        """The mixture at its diffusion time; raises ValueError for what is no mixture."""
        return Mixture(
            self.weights,
            self.standard_deviations,
            self.centroid_gram,
            self.diffusion_time,
            self.activation,
        )

    @property
    def sizes(self) -> tuple[float, float]:
        """(ψ_n, ψ_p)."""
        return self.sample_ratio, self.feature_ratio

    def changed(self, **fields: Any) -> "ScoreSetting":
        """The same setting with some fields changed, validated anew."""
        return ScoreSetting(**(self.model_dump() | fields))


def two_classes(
    *,
    deviations: Sequence[float],
    gram: Sequence[float] = (0.0, 0.0),
    cosine: float = 0.0,
    share: float = 0.5,
    time: float = 0.1,
    sizes: Sequence[float] = (8.0, 16.0),
    activation: str = "tanh",
) -> ScoreSetting:
    """Two classes: deviations (σ_1, σ_2), squared centroid norms ``gram`` over d, the cosine between them.

    ``share`` is the weight of class 1; ``sizes`` are (ψ_n, ψ_p).
    """
    first, second = map(float, gram)
    mixed = float(cosine) * (first * second) ** 0.5
    return ScoreSetting(
        weights=(float(share), 1.0 - float(share)),
        standard_deviations=(float(deviations[0]), float(deviations[1])),
        centroid_gram=((first, mixed), (mixed, second)),
        diffusion_time=float(time),
        sample_ratio=float(sizes[0]),
        feature_ratio=float(sizes[1]),
        activation=activation,
    )


_EXPOSED: dict[str, Any] = {"deviations": (1.2, 0.8), "gram": (16, 16), "time": 0.5, "sizes": (16, 16)}
_MEMORISED: dict[str, Any] = {"deviations": (1.1, 0.9), "gram": (4, 4), "sizes": (16, 16)}
_RARE, _BALANCED = two_classes(**_EXPOSED, share=0.1), two_classes(**_EXPOSED)
# Six of 640 examples at d = 40.
_FEW = two_classes(**_EXPOSED, share=0.01)

#: Runs that claims and figures name. V: unequal variances; G: unequal centroid norms; R: shares of the
#: high-variance class between one half and .05, in examples and in the loss; M: memorisation with a low-variance
#: minority.
SETTINGS = {
    "V0": two_classes(deviations=(1.5, 0.5)),
    "V1": two_classes(deviations=(1.5, 0.5), gram=(1, 1)),
    "V20": two_classes(deviations=(1.2, 0.8)),
    "V2": two_classes(deviations=(1.2, 0.8), gram=(1, 1)),
    "G1": two_classes(deviations=(1.0, 1.0), gram=(2, 0.5)),
    "G1 equal": two_classes(deviations=(1.0, 1.0), gram=(1, 1)),
    "G1 ReLU": two_classes(deviations=(1.0, 1.0), gram=(2, 0.5), activation="relu"),
    "G2": two_classes(deviations=(1.2, 0.8), gram=(2, 0.5)),
    "R5": _BALANCED,
    "R2": two_classes(**_EXPOSED, share=0.2),
    "R1": _RARE,
    "R05": two_classes(**_EXPOSED, share=0.05),
    "R5 light": _BALANCED.changed(class_weights=(0.1, 0.9)),
    "R5 rare": _RARE.changed(class_weights=(0.5, 0.5)),
    "R few": _FEW,
    "R few equal": _FEW.changed(class_weights=(0.5, 0.5)),
    "R5 very light": _BALANCED.changed(class_weights=(0.01, 0.99)),
    "R1 M=0": _RARE.changed(centroid_gram=((0.0, 0.0), (0.0, 0.0))),
    "R1 M=4": _RARE.changed(centroid_gram=((4.0, 0.0), (0.0, 4.0))),
    "R1 antipodal": two_classes(**_EXPOSED, cosine=-1.0, share=0.1),
    "R1 cosine -.7": two_classes(**_EXPOSED, cosine=-0.7, share=0.1),
    "MB": two_classes(**_MEMORISED),
    "MR": two_classes(**_MEMORISED, share=0.9),
}
