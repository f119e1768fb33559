"""Training of score models: several runs of one recipe side by side, watched while they learn.

Loss: mean of |ε̂ - ε|² over pixels and a batch, which is the Δ_t-weighted score matching loss (arXiv:2006.11239).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from companion.compute.devices import arithmetic, torch_device
from companion.models.score_model import ScoreModel
from companion.session import events, interruption
from companion.session.progress import progress
from companion.training.checkpoints import load_checkpoint, save_checkpoint
from companion.training.diffusion_draws import Chunk, chunk_length, draw_chunk
from companion.training.diffusion_recipe import DiffusionSpec, TrainingRun, check_runs
from companion.training.diffusion_step import TrainingStep

_SAVE_SECONDS = 120.0
#: A record that a run which stopped keeps: its last finite weights.
_KEPT = "weights"


@dataclass(frozen=True)
class Snapshot:
    """The models as monitors see them at a checkpoint: averaged weights, no gradients."""

    step: int
    model: ScoreModel
    weights: Tensor

    def predicted_noise(self, x: Tensor, index: Tensor) -> Tensor:
        """ε̂ (S, batch, d) at ``x`` (S, batch, d) and levels ``index`` (S, batch)."""
        return self.model.predicted_noise(self.weights, x, index)

    def features(self, x: Tensor, index: Tensor) -> Tensor:
        """Hidden features (S, batch, width)."""
        return self.model.features(self.weights, x, index)


class Monitor(Protocol):
    """Looks at the models at every checkpoint; what it returns is recorded along the dim ``step``.

    Names map to (dims after ``run`` and ``step``, array (S, ...)).
    """

    def __call__(self, snapshot: Snapshot) -> Mapping[str, tuple[tuple[str, ...], NDArray]]: ...


def train_score_model(
    spec: DiffusionSpec,
    runs: Sequence[TrainingRun],
    monitors: Sequence[Monitor] = (),
    *,
    final: Sequence[Monitor] = (),
    device: Literal["auto", "cpu", "cuda"] = "auto",
    folder: Path | None = None,
    label: str = "score model",
) -> xr.Dataset:
    """Train ``runs`` as one stack and record what ``monitors`` see, with dims ``run``, ``step`` and theirs.

    Monitors in ``final`` look once, at the end; what they see has no dim ``step``.
    ``training_loss`` (run, step) is the mean loss since the checkpoint before. With ``folder``, training goes on
    from the state that a killed call left there: bit for bit on a CPU. A run whose loss is no number stops alone:
    ``stopped_at`` (run,) says when (-1: never), its records from then on are NaN, its weights stay the last finite
    ones. Raises ValueError for runs that do not fit the network, RuntimeError for a missing device, Resumable once its
    state is saved where this process was asked to end soon.
    """
    where = torch_device(device)
    check_runs(spec, runs)
    with arithmetic(where, spec.precision):
        training = _Training(spec, runs, where, folder)
        training.resume()
        with progress(label, spec.checkpoints[-1], "steps") as advance:
            advance(training.step)
            for checkpoint in spec.checkpoints:
                while training.step < checkpoint:
                    advance(training.advance_to(checkpoint))
                training.watch(monitors, checkpoint)
            training.close(final)
        return training.result()


class _Training:
    """The state of a stack in training, and what has been recorded of it."""

    def __init__(
        self, spec: DiffusionSpec, runs: Sequence[TrainingRun], device: torch.device, folder: Path | None
    ):
        self.spec, self.runs, self.device = spec, list(runs), device
        self.file = folder / "training.pt" if folder else None
        self.model = ScoreModel(
            spec.network, [run.second_moment for run in runs], prediction=spec.prediction, device=device
        )
        weights = self.model.draw_weights([run.name.torch("weights") for run in runs]).to(device)
        self.mover = TrainingStep(self.model, weights, spec.learning_rate, compile=spec.compile)
        self.averaged = weights.detach().clone()
        # What a run falls back to: its weights at the last checkpoint at which they were finite.
        self.kept = torch.stack([weights.detach(), self.averaged])
        self.step, self.stopped = 0, np.full(len(runs), -1)
        self.losses = torch.zeros(len(runs), device=device)
        self.counted = 0
        self.records: dict[str, list[Tensor]] = {}
        self.dims: dict[str, list[str]] = {}
        self.watched: list[int] = []
        self.last: dict[str, tuple[tuple[str, ...], NDArray]] = {}
        self.saved_at = time.monotonic()
        self._chunk: tuple[int, Chunk] | None = None
        most = max(len(run.images) for run in runs)
        padded = np.zeros((len(runs), most, spec.network.dimension), np.float32)
        for row, run in zip(padded, runs, strict=True):
            row[: len(run.images)] = run.images
        self.images = torch.from_numpy(padded).to(device)
        self.laws = [
            np.full(len(run.images), 1 / len(run.images)) if run.probabilities is None else run.probabilities
            for run in runs
        ]

    def advance_to(self, target: int) -> int:
        """Train to the end of the current chunk of draws, at most to step ``target``; the steps taken."""
        length = chunk_length(self.spec.batch_size, self.spec.network.dimension)
        number, first = divmod(self.step, length)
        count = min(length - first, target - self.step)
        chunk = self._drawn(number)
        losses = []
        for place in range(first, first + count):
            loss = self.mover(*self._batch(chunk, place))
            self.step += 1
            if self.spec.averaging:
                self.averaged.lerp_(
                    self.mover.weights.detach(), min(self.spec.averaging / (self.step + 1), 1.0)
                )
            losses.append(loss)
        self._account(torch.stack(losses))
        if self.file and (interruption.asked() or time.monotonic() - self.saved_at > _SAVE_SECONDS):
            self.save()
            interruption.stop_if_asked()
        return count

    def _batch(self, chunk: Chunk, place: int) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        clean = torch.take_along_dim(self.images, chunk.rows[:, place, :, None], dim=1)
        if chunk.flips is not None:
            side = round(clean.shape[-1] ** 0.5)
            mirrored = clean.unflatten(-1, (side, side)).flip(-1).flatten(-2)
            clean = torch.where(chunk.flips[:, place, :, None], mirrored, clean)
        keep = None if chunk.keep is None else chunk.keep[:, place]
        return clean, chunk.noise[:, place], chunk.index[:, place], keep

    def _drawn(self, number: int) -> Chunk:
        if self._chunk is None or self._chunk[0] != number:
            self._chunk = (
                number,
                draw_chunk(
                    [run.name for run in self.runs],
                    number,
                    probabilities=self.laws,
                    batch_size=self.spec.batch_size,
                    dimension=self.spec.network.dimension,
                    levels=self.model.schedule.length,
                    index_law=self.spec.index_law,
                    flips=self.spec.flips,
                    dropout=(self.spec.network.dropout, self.model.network.channels),
                    device=self.device,
                ),
            )
        return self._chunk[1]

    def _account(self, losses: Tensor) -> None:
        """Add up losses (steps, S); stop each run whose loss is no number, at its first such step."""
        broken = ~torch.isfinite(losses)
        first = self.step - len(losses)
        runs = torch.nonzero(broken.any(dim=0))[:, 0].tolist()
        self._stop({run: first + int(broken[:, run].int().argmax()) for run in runs})
        self.losses += losses.nan_to_num(0.0, 0.0, 0.0).sum(dim=0)
        self.counted += len(losses)

    def _stop(self, broken: dict[int, int]) -> None:
        """Stop the runs that broke at these steps; all that have stopped keep their last finite weights."""
        for run, at in broken.items():
            if self.stopped[run] < 0:
                self.stopped[run] = at
                name = self.runs[run].name
                events.tell(
                    f"run {' '.join(map(str, name.name))}, root seed {name.root}: the loss of step {at} is no finite "
                    f"number; this run stops, its weights of step {self.watched[-1] if self.watched else 0} are kept"
                )
        for run in np.flatnonzero(self.stopped >= 0).tolist():
            self.mover.restore(run, self.kept[0, run])
            self.averaged[run] = self.kept[1, run]

    def watch(self, monitors: Sequence[Monitor], checkpoint: int) -> None:
        """Record what the monitors see now, and save the state; nothing if this was done before a kill."""
        if checkpoint in self.watched:
            return
        if not self.spec.averaging:
            self.averaged.copy_(self.mover.weights.detach())
        finite = torch.isfinite(self.mover.weights).all(dim=1) & torch.isfinite(self.averaged).all(dim=1)
        self._stop(dict.fromkeys(torch.nonzero(~finite)[:, 0].tolist(), self.step))
        mean = (
            (self.losses / max(self.counted, 1)).cpu().numpy()
            if self.counted
            else np.full(len(self.runs), np.nan)
        )
        mean = np.where(self.stopped >= 0, np.nan, mean)
        seen: dict[str, tuple[tuple[str, ...], NDArray]] = {"training_loss": ((), mean)}
        for name, (dims, values) in (seen | self._seen(monitors)).items():
            self.dims[name] = list(dims)
            self.records.setdefault(name, []).append(torch.from_numpy(values))
        self.kept = torch.stack([self.mover.weights.detach(), self.averaged]).clone()
        self.losses.zero_()
        self.counted = 0
        self.watched.append(checkpoint)
        self.save()

    def _seen(self, monitors: Sequence[Monitor]) -> dict[str, tuple[tuple[str, ...], NDArray]]:
        snapshot = Snapshot(self.step, self.model, self.averaged)
        found = {}
        with torch.no_grad():
            for monitor in monitors:
                for name, (dims, values) in monitor(snapshot).items():
                    array = np.array(values)
                    if np.issubdtype(array.dtype, np.floating) and name != _KEPT:
                        array[self.stopped >= 0] = np.nan
                    found[name] = dims, array
        return found

    def close(self, monitors: Sequence[Monitor]) -> None:
        """Record what is seen once, at the end."""
        self.last = self._seen(monitors)

    def save(self) -> None:
        """Write everything that the rest of the training depends on."""
        if self.file is None:
            return
        self.saved_at = time.monotonic()
        save_checkpoint(self.file, self._state())

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "mover": self.mover.state(),
            "averaged": self.averaged,
            "kept": self.kept,
            "stopped": self.stopped.tolist(),
            "losses": self.losses,
            "counted": self.counted,
            "watched": self.watched,
            "records": self.records,
            "dims": self.dims,
        }

    def resume(self) -> None:
        """Take up the state that a killed training left, if there is one."""
        state = load_checkpoint(self.file) if self.file else None
        if state is None:
            return
        self.mover.load(state["mover"])
        self.step, self.counted, self.watched = state["step"], state["counted"], state["watched"]
        self.averaged, self.kept, self.losses = (
            state[name].to(self.device) for name in ("averaged", "kept", "losses")
        )
        self.stopped, self.dims = np.array(state["stopped"]), state["dims"]
        self.records = {name: [part.cpu() for part in parts] for name, parts in state["records"].items()}

    def result(self) -> xr.Dataset:
        """All records, (run, step, ...), and those of the end, (run, ...)."""
        found: dict[str, Any] = {"stopped_at": ("run", self.stopped)}
        found |= {
            name: (("run", "step", *self.dims[name]), torch.stack(parts, dim=1).numpy())
            for name, parts in self.records.items()
        }
        found |= {name: (("run", *dims), values) for name, (dims, values) in self.last.items()}
        steps = ("step", np.array(self.watched), {"long_name": r"training steps $\tau$"})
        return xr.Dataset(found, coords={"step": steps}, attrs={"device": self.device.type})
