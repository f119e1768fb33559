"""What is seen of score models while they train: losses of each class, samples and their nearest training images.

Each monitor looks at all runs of a stack at once, with noise that stays the same at all checkpoints, so that
differences between checkpoints are the model's. Samples are measured and dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from companion.analysis.attribution import Attribution
from companion.analysis.frechet import FeatureSpace, class_frechet
from companion.analysis.neighbours import Reference, nearest_neighbours
from companion.training.diffusion import Snapshot
from companion.training.diffusion_draws import RunName
from companion.training.diffusion_sampler import sample

Record = dict[str, tuple[tuple[str, ...], NDArray[Any]]]

CLASSES = 2
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class WatchedRun:
    """What a run is measured with: its training and held-out images by class (labels 0 and 1), and fixed rulers.

    ``attribution`` and ``space`` belong to the two classes as they are, not to the training set: they are fitted on
    all real images that there are. ``real_features`` (m, p) with ``real_labels`` (m,) are held-out images in ``space``.
    """

    name: RunName
    train: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    attribution: Attribution
    space: FeatureSpace

    def rows(self, part: str, label: int, count: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """``count`` images of a class, repeated if there are fewer, and weights that make all images count alike."""
        images, labels = (self.train, self.train_labels) if part == "train" else (self.test, self.test_labels)
        own = np.flatnonzero(labels == label)[:count]
        places = np.arange(count) % own.size
        weights = 1 / np.bincount(places)[places] / own.size
        return images[own[places]], weights


class LossMonitor:
    """Denoising losses of each class on training and held-out images, at the noise levels ``indices``.

    Records ``train_loss`` and ``test_loss``, dims ``diffusion_index``, ``label``: means over images of |ε̂ - ε|² per
    pixel, from ``rows`` noisy images of each class.
    """

    def __init__(self, runs: Sequence[WatchedRun], indices: Sequence[int], rows: int, device: torch.device):
        self.indices = list(indices)
        groups = [(part, label) for part in ("train", "test") for label in range(CLASSES)]
        chosen = [[run.rows(part, label, rows) for part, label in groups] for run in runs]
        images = np.stack([np.concatenate([group[0] for group in run]) for run in chosen])
        self.weights = np.array([[group[1] for group in run] for run in chosen])
        self.images = torch.from_numpy(images).to(device)
        noise = [torch.randn(images.shape[1:], generator=run.name.torch("loss noise")) for run in runs]
        self.noise = torch.stack(noise).to(device)

    def __call__(self, snapshot: Snapshot) -> Record:
        """Losses of all runs now."""
        model, found = snapshot.model, []
        for level in self.indices:
            index = torch.full(self.images.shape[:2], level, device=self.images.device)
            noisy = model.signal[level] * self.images + model.noise[level] * self.noise
            predicted = in_parts(snapshot, noisy, index)
            found.append((predicted - self.noise).square().mean(-1).cpu().numpy())
        losses = np.array(found, dtype=np.float64).reshape(len(self.indices), *self.weights.shape)
        means = np.moveaxis((losses * self.weights).sum(-1), 0, 1)  # (run, index, part and class)
        dims = ("diffusion_index", "label")
        return {"train_loss": (dims, means[..., :CLASSES]), "test_loss": (dims, means[..., CLASSES:])}


class SampleMonitor:
    """Samples from fixed latents: distances to the two nearest training images, class, distance to the real classes.

    Records ``distance`` and ``neighbour`` (dims ``sample``, ``neighbour_rank``), ``neighbour_class`` of the nearest,
    ``sample_class`` (-1: undecided), ``frechet`` (dim ``label``) and the first
    ``shown`` samples themselves, ``image`` (``shown``, ``pixel``).
    """

    def __init__(
        self, runs: Sequence[WatchedRun], samples: int, steps: int, device: torch.device, *, shown: int = 0
    ):
        self.runs, self.steps, self.shown = list(runs), steps, shown
        dimension = runs[0].train.shape[1]
        latents = [torch.randn(samples, dimension, generator=run.name.torch("latents")) for run in runs]
        self.latents = torch.stack(latents).to(device)
        # Plain prediction divides its error at high noise by a small a_t: its images are kept in the training range.
        self.limits = tuple(
            torch.tensor([float(end(run.train)) for run in runs], device=device)[:, None, None]
            for end in (np.min, np.max)
        )
        self.references = [Reference(run.train) for run in runs]
        self.real = [run.space.features(run.test) for run in runs]

    def __call__(self, snapshot: Snapshot) -> Record:
        """Sample all runs now and measure."""
        images = sample(
            lambda x, index: in_parts(snapshot, x, index),
            self.latents,
            snapshot.model.schedule,
            self.steps,
            limits=self.limits if snapshot.model.prediction == "eps_plain" else None,
        )
        with torch.autocast("cpu", enabled=False):  # distances that decide are exact, however training rounds
            measured = [
                self._measured(*part)
                for part in zip(
                    self.runs, self.references, self.real, images.float().cpu().numpy(), strict=True
                )
            ]
        distance, neighbour, nearest, kinds, frechet = (
            np.stack(parts) for parts in zip(*measured, strict=True)
        )
        ranked = ("sample", "neighbour_rank")
        found: Record = {
            "distance": (ranked, distance),
            "neighbour": (ranked, neighbour),
            "neighbour_class": (("sample",), nearest),
            "sample_class": (("sample",), kinds),
            "frechet": (("label",), frechet),
        }
        if self.shown:
            found["image"] = (("shown", "pixel"), images[:, : self.shown].float().cpu().numpy())
        return found

    @staticmethod
    def _measured(
        run: WatchedRun, reference: Reference, real: NDArray[np.float64], images: NDArray[np.float32]
    ) -> tuple[NDArray, ...]:
        if not np.isfinite(images).all():  # a run that stopped on a loss that was no number
            rank = (len(images), 2)
            return (
                np.full(rank, np.nan),
                np.zeros(rank, np.int32),
                np.zeros(len(images), np.int8),
                np.full(len(images), -1, np.int8),
                np.full(CLASSES, np.nan),
            )
        distance, neighbour = nearest_neighbours(images, reference, 2)
        kinds = run.attribution.classes(images)
        frechet = class_frechet(run.space.features(images), kinds, real, run.test_labels, CLASSES)
        nearest = run.train_labels[neighbour[:, 0]]
        return distance, neighbour.astype(np.int32), nearest.astype(np.int8), kinds.astype(np.int8), frechet


class FeatureMonitor:
    """Hidden features of held-out images at one noise level, ``features`` (dims ``held_out``, ``unit``)."""

    def __init__(self, runs: Sequence[WatchedRun], level: int, rows: int, device: torch.device):
        self.level = level
        images = [
            np.concatenate([run.rows("test", label, rows)[0] for label in range(CLASSES)]) for run in runs
        ]
        self.images = torch.from_numpy(np.stack(images)).to(device)
        noise = [torch.randn(images[0].shape, generator=run.name.torch("feature noise")) for run in runs]
        self.noise = torch.stack(noise).to(device)

    def __call__(self, snapshot: Snapshot) -> Record:
        """Features of all runs now."""
        model = snapshot.model
        noisy = model.signal[self.level] * self.images + model.noise[self.level] * self.noise
        index = torch.full(noisy.shape[:2], self.level, device=noisy.device)
        return {"features": (("held_out", "unit"), snapshot.features(noisy, index).float().cpu().numpy())}


class SpeciationMonitor:
    """From which noise level on a noised image of a class comes back to it: ``returned`` (dims ``level``, ``label``).

    ``rows`` held-out images of each class are noised to each of ``levels`` and followed back; the share whose end the
    classifier gives to their own class, whatever its confidence.
    """

    def __init__(
        self, runs: Sequence[WatchedRun], levels: Sequence[int], rows: int, steps: int, device: torch.device
    ):
        self.runs, self.levels, self.count, self.steps = list(runs), list(levels), rows, steps
        images = [
            np.concatenate([run.rows("test", label, rows)[0] for label in range(CLASSES)]) for run in runs
        ]
        self.images = torch.from_numpy(np.stack(images)).to(device)
        noise = [torch.randn(images[0].shape, generator=run.name.torch("speciation noise")) for run in runs]
        self.noise = torch.stack(noise).to(device)

    def __call__(self, snapshot: Snapshot) -> Record:
        """Shares of all runs now."""
        model, shares = snapshot.model, []
        own = np.repeat(np.arange(CLASSES), self.count)
        for level in self.levels:
            noisy = model.signal[level] * self.images + model.noise[level] * self.noise
            ended = sample(
                lambda x, index: in_parts(snapshot, x, index), noisy, model.schedule, self.steps, start=level
            )
            ends = ended.float().cpu().numpy()
            told = [run.attribution.classes(end, 0.0) for run, end in zip(self.runs, ends, strict=True)]
            right = (np.stack(told) == own).reshape(len(self.runs), CLASSES, self.count)
            shares.append(right.mean(-1))
        return {"returned": (("level", "label"), np.stack(shares, axis=1))}


def in_parts(snapshot: Snapshot, x: Tensor, index: Tensor) -> Tensor:
    """ε̂ at ``x`` (S, rows, d), a bounded number of rows at a time."""
    size = max(_ROWS_AT_ONCE // x.shape[0], 1)
    parts = zip(x.split(size, dim=1), index.split(size, dim=1), strict=True)
    return torch.cat([snapshot.predicted_noise(part, level) for part, level in parts], dim=1)
