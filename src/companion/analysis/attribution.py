"""The class of a generated sample: a linear discriminant, fitted once on all real images that there are.

Right for two classes that lie far apart; classes that overlap want `training.image_classifier`. The posterior of a
discriminant in hundreds of dimensions is far too sure of itself, so that its logits are divided by a temperature, the
one under which images that were held out are most likely (temperature scaling, arXiv:1706.04599), never below 1.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: The label of a sample that no class is sure of.
UNDECIDED = -1

#: Posterior from which a class is accepted.
CONFIDENCE = 0.9

_HOTTEST = 1e3


@dataclass(frozen=True, eq=False)
class Attribution:
    """A fitted discriminant: logits = samples @ ``weights``ᵀ + ``intercepts``, classes at equal prior weights."""

    labels: Integers
    """The label of each class, (K,), ascending."""
    weights: Floats
    """(K, d)."""
    intercepts: Floats
    """(K,)."""
    temperature: float
    """What the logits are divided by; 1 where the raw posterior was not too sure."""
    class_accuracy: Floats
    """Share of held-out images of each class that get their own label, (K,), by cross-validation."""
    undecided: float
    """Share of held-out images, classes weighted alike, whose posterior stays below `CONFIDENCE`."""

    @property
    def accuracy(self) -> float:
        """Mean over classes of the share of held-out images that get their own label."""
        return float(self.class_accuracy.mean())

    def logits(self, samples: ArrayLike) -> Floats:
        """Logits (..., K) of ``samples`` (..., d), before the temperature."""
        given = np.asarray(samples, dtype=np.float64)
        if given.ndim == 0 or given.shape[-1] != self.weights.shape[1]:
            raise ValueError(
                f"samples: shape {given.shape} given; allowed is (..., {self.weights.shape[1]}), as fitted"
            )
        if not np.isfinite(given).all():
            row = tuple(map(int, np.argwhere(~np.isfinite(given))[0][:-1]))
            raise ValueError(
                f"samples: a number that is not finite given in row {row}; allowed are finite ones"
            )
        return given @ self.weights.T + self.intercepts

    def posterior(self, samples: ArrayLike) -> Floats:
        """Probability of each class, (..., K), for ``samples`` (..., d) in the coordinates that it was fitted in."""
        return softmax(self.logits(samples) / self.temperature, axis=-1)

    def classes(self, samples: ArrayLike, confidence: float = CONFIDENCE) -> Integers:
        """Label of the likeliest class, (...,), or -1 (undecided) where its posterior is below ``confidence``."""
        return decide(self.posterior(samples), self.labels, confidence)

    def as_dataset(self) -> xr.Dataset:
        """All of it as a Dataset, for the store; `from_dataset` reads it back."""
        return xr.Dataset(
            {
                "weights": (("class", "pixel"), self.weights),
                "intercepts": ("class", self.intercepts),
                "class_accuracy": ("class", self.class_accuracy, {"long_name": "accuracy, cross-validated"}),
                "temperature": self.temperature,
                "undecided": self.undecided,
            },
            {"class": self.labels},
        )

    @classmethod
    def from_dataset(cls, data: xr.Dataset) -> "Attribution":
        """The discriminant that `as_dataset` wrote."""
        return cls(
            data["class"].values.astype(np.int64),
            data.weights.values,
            data.intercepts.values,
            float(data.temperature),
            data.class_accuracy.values,
            float(data.undecided),
        )


def decide(posterior: ArrayLike, labels: ArrayLike, confidence: float = CONFIDENCE) -> Integers:
    """Label of the likeliest class (...,) from ``posterior`` (..., K), -1 where it is below ``confidence``.

    >>> decide([[0.95, 0.05], [0.5, 0.5]], [1, 8]).tolist()
    [1, -1]
    """
    if not 0 <= confidence <= 1:
        raise ValueError(f"confidence: {confidence} given, allowed is 0 to 1")
    given, names = np.asarray(posterior, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    return np.where(given.max(axis=-1) >= confidence, names[given.argmax(axis=-1)], UNDECIDED)


def fit_attribution(
    images: ArrayLike, labels: ArrayLike, *, shrinkage: float | str = "auto", folds: int = 5
) -> Attribution:
    """Fit the discriminant on ``images`` (n, d) with whole-number ``labels`` (n,), none negative.

    The covariance within classes is shrunk to a multiple of the identity (``"auto"``: Ledoit and Wolf's amount, or a
    number from 0 to 1). All classes have equal prior weight, whatever their counts: the minority of an imbalanced set
    is not to be overlooked. Accuracy and temperature come from ``folds``-fold cross-validation with the images in the
    order given, stratified. Raises ValueError for fewer than two classes, or a class of fewer than ``folds`` images.
    """
    given, own = np.asarray(images, dtype=np.float64), np.asarray(labels)
    if given.ndim != 2 or own.shape != given.shape[:1]:
        raise ValueError(f"labels: shape {own.shape} given for images {given.shape}; allowed is one for each")
    if not np.isfinite(given).all():
        raise ValueError("images: numbers that are not finite given; allowed are finite ones")
    if own.dtype.kind not in "iu" or (own.size and own.min() < 0):
        raise ValueError("labels: allowed are whole numbers from 0; -1 means undecided")
    names, index, counts = np.unique(own, return_inverse=True, return_counts=True)
    if names.size < 2:
        raise ValueError(f"labels: classes {names.tolist()} given, allowed are two or more")
    if counts.min() < folds:
        scarce = int(names[counts.argmin()])
        raise ValueError(
            f"labels: {counts.min()} images of class {scarce} given, allowed are {folds} or more"
        )
    from sklearn.model_selection import StratifiedKFold

    held_out = np.empty((own.size, names.size))
    for fitted, tested in StratifiedKFold(folds).split(given, index):
        weights, intercepts = _discriminant(given[fitted], index[fitted], names.size, shrinkage)
        held_out[tested] = given[tested] @ weights.T + intercepts
    balance = 1 / (names.size * counts[index])
    temperature = _temperature(held_out, index, balance)
    right = np.bincount(index, weights=held_out.argmax(axis=1) == index) / counts
    sure = softmax(held_out / temperature, axis=1).max(axis=1) >= CONFIDENCE
    weights, intercepts = _discriminant(given, index, names.size, shrinkage)
    return Attribution(
        names.astype(np.int64), weights, intercepts, temperature, right, float(balance @ ~sure)
    )


def _discriminant(
    images: Floats, index: Integers, size: int, shrinkage: float | str
) -> tuple[Floats, Floats]:
    """Weights (K, d) and intercepts (K,) of scikit-learn's discriminant at equal priors."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    fitted = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage=shrinkage, priors=np.full(size, 1 / size)
    ).fit(images, index)
    weights, intercepts = np.asarray(fitted.coef_), np.asarray(fitted.intercept_)
    if size == 2:  # scikit-learn keeps the difference only
        weights, intercepts = np.vstack([-weights, weights]) / 2, np.array([-1, 1]) * intercepts / 2
    return weights, intercepts


def _temperature(logits: Floats, index: Integers, balance: Floats) -> float:
    """Temperature under which held-out labels are most likely, classes weighted alike."""
    own = np.arange(index.size), index

    def loss(log_temperature: float) -> float:
        return -float(balance @ log_softmax(logits / np.exp(log_temperature), axis=1)[own])

    found = minimize_scalar(loss, bounds=(0.0, np.log(_HOTTEST)), method="bounded", options={"xatol": 1e-6})
    # The bounded search stops just inside; at the end itself the loss may be lower still.
    return 1.0 if loss(0.0) <= float(found.fun) else float(np.exp(found.x))
