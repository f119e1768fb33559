"""Train the small classifier of images, and apply it: posteriors, decisions, features.

It is for classes that overlap, where the linear discriminant (`analysis.attribution`) does not do. Train it on real
images in the coordinates of the samples that it will judge: same scale, same centring vector subtracted.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from companion.models.image_classifier import ImageClassifier
from companion.session.progress import progress

Floats = NDArray[np.float64]

# Images at once when nothing is learned.
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class ClassifierState:
    """A trained classifier as plain numbers."""

    parameters: dict[str, NDArray[np.float32]]
    side: int
    classes: int
    width: int
    features: int

    def as_dataset(self) -> xr.Dataset:
        """All of it as a Dataset, for the store; `from_dataset` reads it back."""
        arrays = {
            name: ([f"{name}_{axis}" for axis in range(array.ndim)], array)
            for name, array in self.parameters.items()
        }
        sizes = {name: getattr(self, name) for name in ("side", "classes", "width", "features")}
        return xr.Dataset(arrays, attrs=sizes)

    @classmethod
    def from_dataset(cls, data: xr.Dataset) -> "ClassifierState":
        """The state that `as_dataset` wrote."""
        sizes = {name: int(data.attrs[name]) for name in ("side", "classes", "width", "features")}
        return cls({str(name): variable.values for name, variable in data.data_vars.items()}, **sizes)

    def network(self) -> ImageClassifier:
        """The network, ready to be applied."""
        found = ImageClassifier(self.side, self.classes, width=self.width, features=self.features)
        found.load_state_dict(
            {name: torch.from_numpy(array.copy()) for name, array in self.parameters.items()}
        )
        return found.eval()


def train_classifier(
    images: ArrayLike,
    labels: ArrayLike,
    *,
    side: int,
    steps: int,
    seed: int,
    batch: int = 128,
    rate: float = 2e-3,
    width: int = 32,
    features: int = 128,
    smoothing: float = 0.0,
    flip: bool = False,
    device: str = "cpu",
) -> ClassifierState:
    """Train for ``steps`` batches on ``images`` (n, side²) with ``labels`` (n,) from 0.

    Adam with weight decay under a one-cycle rate that peaks at ``rate``; batches pass through all images in random
    order. Each image is shifted by up to a pixel; ``flip`` also mirrors half of them (not for orientation-sensitive
    classes). ``seed`` fixes initialisation, order, shifts and dropout: equal bytes on one machine type and device.
    Raises ValueError for images, labels or numbers that do not fit, FloatingPointError for a loss that is not finite.
    """
    given, own = np.ascontiguousarray(images, dtype=np.float32), np.asarray(labels)
    if given.ndim != 2 or given.shape[1] != side * side or not np.isfinite(given).all():
        raise ValueError(f"images: shape {given.shape} given, allowed are finite numbers (n, {side * side})")
    if own.shape != given.shape[:1] or own.dtype.kind not in "iu" or own.min() < 0:
        raise ValueError(f"labels: shape {own.shape} given; allowed is a whole number from 0 for each image")
    if min(steps, batch) < 1:
        raise ValueError(f"steps, batch: {steps}, {batch} given, allowed is 1 or more")
    classes = int(own.max()) + 1
    pixels, targets = torch.from_numpy(given), torch.from_numpy(own.astype(np.int64))
    background = float(given.min())
    with torch.random.fork_rng(devices=["cuda"] if device == "cuda" else []):
        torch.manual_seed(seed)  # dropout and initialisation draw from the global generator
        network = ImageClassifier(side, classes, width=width, features=features).to(device)
        network.train()
        draw = torch.Generator().manual_seed(seed)
        optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=max(steps, 2))
        order = torch.empty(0, dtype=torch.int64)
        with progress("training the classifier", steps, "steps") as advance:
            for step in range(steps):
                while len(order) < batch:
                    order = torch.cat([order, torch.randperm(len(pixels), generator=draw)])
                chosen, order = order[:batch], order[batch:]
                shown = _moved(pixels[chosen], side, background, flip, draw).to(device)
                loss = functional.cross_entropy(
                    network(shown), targets[chosen].to(device), label_smoothing=smoothing
                )
                if not torch.isfinite(loss):
                    raise FloatingPointError(
                        f"seed {seed}: the loss is {float(loss.detach())} at step {step}"
                    )
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                schedule.step()
                advance(1)
    found = {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}
    return ClassifierState(found, side, classes, width, features)


def classify(state: ClassifierState, samples: ArrayLike, *, device: str = "cpu") -> Floats:
    """Posterior (..., classes) of ``samples`` (..., side²); `analysis.attribution.decide` makes labels of it."""
    network = state.network().to(device)
    return _applied(lambda rows: functional.softmax(network(rows).double(), dim=1), state, samples, device)


def class_features(state: ClassifierState, samples: ArrayLike, *, device: str = "cpu") -> Floats:
    """Features (..., features), the penultimate layer, of ``samples`` (..., side²): a space for Fréchet distances."""
    network = state.network().to(device)
    return _applied(network.features, state, samples, device)


def _applied(
    function: Callable[[Tensor], Tensor], state: ClassifierState, samples: ArrayLike, device: str
) -> Floats:
    given = np.asarray(samples, dtype=np.float32)
    if given.ndim == 0 or given.shape[-1] != state.side**2:
        raise ValueError(f"samples: shape {given.shape} given, allowed is (..., {state.side**2})")
    rows = torch.from_numpy(np.ascontiguousarray(given.reshape(-1, state.side**2)))
    starts = range(0, max(len(rows), 1), _BLOCK)  # no rows still make one block, of the right width
    with torch.no_grad():
        parts = [function(rows[start : start + _BLOCK].to(device)).cpu() for start in starts]
    found = torch.cat(parts).double().numpy()
    return found.reshape(*given.shape[:-1], found.shape[-1])


def _moved(rows: Tensor, side: int, background: float, flip: bool, draw: torch.Generator) -> Tensor:
    """Each row's image shifted by -1, 0 or 1 pixel along both axes, and mirrored or not."""
    framed = functional.pad(rows.reshape(-1, side, side), (1, 1, 1, 1), value=background)
    down, right = torch.randint(3, (2, len(rows), 1), generator=draw)
    line = torch.arange(side)
    across = (line + right)[:, None, :]
    if flip:
        mirrored = torch.rand(len(rows), 1, 1, generator=draw) < 0.5
        across = torch.where(mirrored, (side - 1 - line + right)[:, None, :], across)
    index = torch.arange(len(rows))[:, None, None]
    return framed[index, (line + down)[:, :, None], across].flatten(1)
