"""Training of variational autoencoders: a stack of runs on one set of images, or on several one after the other.

Loss: |x - y|²/(2 s²) + β KL, averaged over a batch (arXiv:1312.6114, 1804.03599), with one code drawn per image.
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
from companion.models.vae import VAESpec, decode, divergence, draw_weights, encode
from companion.session import events, interruption
from companion.session.progress import progress
from companion.training.checkpoints import load_checkpoint, save_checkpoint
from companion.training.vae_recipe import Images, VAERun, VAETraining, check, evaluated_rows

Record = Mapping[str, tuple[tuple[str, ...], NDArray]]

_SAVE_SECONDS = 30.0
# Steps whose draws are made at once: a run's draws depend on its name and on the number of the chunk alone.
_CHUNK = 256
# Numbers of pixels up to which images are kept, above which each batch is rendered; and rows looked at together.
_HELD_NUMBERS, _BLOCK_ROWS = 1 << 28, 1024


@dataclass(frozen=True)
class Snapshot:
    """The stack as monitors see it: ``codes`` are the means (S, n, latents) of each set's evaluated images."""

    step: int
    spec: VAESpec
    weights: Tensor
    codes: tuple[NDArray[np.float32], ...]


class Monitor(Protocol):
    """Looks at the stack; what it returns maps names to (dims after ``run`` and ``step``, array (S, ...))."""

    def __call__(self, snapshot: Snapshot) -> Record: ...


def train_vaes(
    spec: VAETraining,
    runs: Sequence[VAERun],
    sets: Sequence[Images],
    monitors: Sequence[Monitor] = (),
    *,
    final: Sequence[Monitor] = (),
    device: Literal["auto", "cpu", "cuda"] = "auto",
    folder: Path | None = None,
    label: str = "VAE",
) -> xr.Dataset:
    """Train ``runs`` as one stack on ``sets``, the next one from each switch on, and record what is seen.

    ``error`` (run, step, set) is |x - y|² per image with y decoded from the mean code, ``divergence`` (run, step, set,
    latent) in nats, both over the `evaluated_rows` of each set; then what ``monitors`` see, and once, at the end, those
    in ``final``. Runs of one name share start (up to the imbalance), batches and noise. With ``folder``, training
    goes on from the state that a killed call left there. A run whose loss or weights are no numbers stops alone:
    ``stopped_at`` (run,) says when (-1: never), and its records from then on are NaN. Raises ValueError for runs,
    sets or steps that do not fit, RuntimeError for a missing device, Resumable once its state is saved where this
    process was asked to end soon.
    """
    check(spec, runs, sets)
    where = torch_device(device)
    with arithmetic(where, spec.precision):
        training = _Training(spec, runs, sets, where, folder)
        training.resume()
        with progress(label, spec.checkpoints[-1], "steps") as advance:
            advance(training.step)
            for checkpoint in spec.checkpoints:
                while training.step < checkpoint:
                    advance(training.advance_to(checkpoint))
                training.watch(monitors, checkpoint)
        return training.result(final)


class _Training:
    """The state of a stack in training, and what has been recorded of it."""

    def __init__(
        self,
        spec: VAETraining,
        runs: Sequence[VAERun],
        sets: Sequence[Images],
        device: torch.device,
        folder: Path | None,
    ):
        self.spec, self.runs, self.sets, self.device = spec, list(runs), list(sets), device
        self.file = folder / "training.pt" if folder else None
        self.names = list(dict.fromkeys(run.name for run in runs))
        self.owner = torch.tensor([self.names.index(run.name) for run in runs], device=device)
        starts = [run.name.torch("start") for run in runs]
        drawn = draw_weights(spec.network, starts, [run.imbalance for run in runs])
        self.weights = drawn.to(device).requires_grad_(True)
        self.beta = torch.tensor([run.beta for run in runs], device=device)
        self.phase, self.optimiser = 0, self._new_optimiser()
        self.pictures = [
            torch.from_numpy(each.images()).to(device)
            if len(each) * each.dimension <= _HELD_NUMBERS
            else None
            for each in sets
        ]
        self.watched_rows = [evaluated_rows(each, spec.evaluated) for each in sets]
        # What a run that breaks falls back to: its weights at the last checkpoint.
        self.kept = self.weights.detach().clone()
        self.step, self.stopped = 0, np.full(len(runs), -1)
        self.records: dict[str, list[Tensor]] = {}
        self.dims: dict[str, list[str]] = {}
        self.watched: list[int] = []
        self.saved_at = time.monotonic()
        self._chunk: tuple[int, Tensor, Tensor] | None = None

    def _new_optimiser(self) -> torch.optim.Optimizer:
        rate = self.spec.learning_rate
        if self.spec.optimiser == "sgd":
            return torch.optim.SGD([self.weights], lr=rate)
        return torch.optim.Adam([self.weights], lr=rate, fused=True)

    def advance_to(self, target: int) -> int:
        """Train to the end of the current chunk of draws, at most to step ``target``; the steps taken."""
        phase = sum(switch <= self.step for switch in self.spec.switches)
        if phase != self.phase:
            self.phase, self.optimiser = phase, self._new_optimiser()
        number, first = divmod(self.step, _CHUNK)
        count = min(_CHUNK - first, target - self.step)
        uniform, noise = self._drawn(number)
        losses = []
        for place in range(first, first + count):
            losses.append(self._move(self._batch(uniform[:, place]), noise[:, place][self.owner]))
        broken = ~torch.isfinite(torch.stack(losses))
        found = torch.nonzero(broken.any(dim=0))[:, 0].tolist()
        self._stop({run: self.step + int(broken[:, run].int().argmax()) for run in found})
        self.step += count
        self._save_now_and_then()
        return count

    def _drawn(self, number: int) -> tuple[Tensor, Tensor]:
        """Uniform numbers (names, steps, batch) that choose images, and noise (names, steps, batch, latents)."""
        if self._chunk is None or self._chunk[0] != number:
            shape = (_CHUNK, self.spec.batch_size)
            streams = [name.torch("steps", number) for name in self.names]
            uniform = [torch.rand(shape, generator=stream, dtype=torch.float64) for stream in streams]
            noise = [torch.randn(*shape, self.spec.network.latents, generator=stream) for stream in streams]
            self._chunk = number, torch.stack(uniform), torch.stack(noise).to(self.device)
        return self._chunk[1:]

    def _batch(self, uniform: Tensor) -> Tensor:
        """Images (S, batch, d), rendered or looked up once for each name."""
        rows = (uniform * len(self.sets[self.phase])).long()
        held = self.pictures[self.phase]
        if held is not None:
            return held[rows.to(self.device)[self.owner]]
        shown = torch.from_numpy(self.sets[self.phase].images(rows.ravel().numpy()))
        return shown.unflatten(0, rows.shape).to(self.device)[self.owner]

    def _move(self, images: Tensor, noise: Tensor) -> Tensor:
        """Take one step; the losses before it, (S,)."""
        self.optimiser.zero_grad(set_to_none=True)
        network = self.spec.network
        means, log_variances = encode(network, self.weights, images)
        decoded = decode(network, self.weights, means + (0.5 * log_variances).exp() * noise)
        misfit = (decoded - images).square().sum(dim=-1) / (2 * self.spec.observation_variance)
        rate = divergence(means, log_variances).sum(dim=-1)
        losses = (misfit + self.beta[:, None] * rate).mean(dim=1)
        losses.sum().backward()
        self.optimiser.step()
        return losses.detach()

    def _stop(self, broken: dict[int, int]) -> None:
        """Stop the runs that broke at these steps; all that have stopped rest at their last finite weights."""
        for run, at in broken.items():
            if self.stopped[run] < 0:
                self.stopped[run] = at
                who = self.runs[run]
                events.tell(
                    f"run {' '.join(map(str, who.name.name))}, imbalance {who.imbalance:g}, β = {who.beta:g}: the loss "
                    f"of step {at} is no finite number; this run stops"
                )
        for run in np.flatnonzero(self.stopped >= 0).tolist():
            with torch.no_grad():
                self.weights[run] = self.kept[run]
            for moment in self.optimiser.state.get(self.weights, {}).values():
                if isinstance(moment, Tensor) and moment.ndim:
                    moment[run] = 0.0

    def watch(self, monitors: Sequence[Monitor], checkpoint: int) -> None:
        """Record what is seen now; nothing if this was done before a kill."""
        if checkpoint in self.watched:
            return
        finite = torch.isfinite(self.weights).all(dim=1)
        self._stop(dict.fromkeys(torch.nonzero(~finite)[:, 0].tolist(), self.step))
        seen, codes = self._evaluated()
        for name, (dims, values) in (seen | self._seen(monitors, codes)).items():
            self.dims[name] = list(dims)
            self.records.setdefault(name, []).append(torch.from_numpy(self._of_running(values)))
        self.kept = self.weights.detach().clone()
        self.watched.append(checkpoint)
        self._save_now_and_then()

    def _evaluated(self) -> tuple[dict[str, tuple[tuple[str, ...], NDArray]], tuple[NDArray, ...]]:
        """Error and divergence of every set, and its codes."""
        errors, rates, codes = [], [], []
        network, stack = self.spec.network, len(self.runs)
        with torch.no_grad():
            for each, held, rows in zip(self.sets, self.pictures, self.watched_rows, strict=True):
                parts = []
                for start in range(0, len(rows), _BLOCK_ROWS):
                    chosen = rows[start : start + _BLOCK_ROWS]
                    shown = torch.from_numpy(each.images(chosen)) if held is None else held[chosen]
                    images = shown.to(self.device).expand(stack, -1, -1)
                    means, log_variances = encode(network, self.weights, images)
                    misfit = (decode(network, self.weights, means) - images).square().sum(dim=-1)
                    parts.append((misfit, divergence(means, log_variances), means))
                misfit, rate, means = (torch.cat(pieces, dim=1) for pieces in zip(*parts, strict=True))
                errors.append(misfit.double().mean(dim=1))
                rates.append(rate.double().mean(dim=1))
                codes.append(means.cpu().numpy())
        found = {
            "error": (("set",), torch.stack(errors, dim=1).cpu().numpy()),
            "divergence": (("set", "latent"), torch.stack(rates, dim=1).cpu().numpy()),
        }
        return found, tuple(codes)

    def _seen(self, monitors: Sequence[Monitor], codes: tuple[NDArray, ...]) -> dict[str, Any]:
        snapshot = Snapshot(self.step, self.spec.network, self.weights.detach(), codes)
        with torch.no_grad():
            return {name: seen for monitor in monitors for name, seen in monitor(snapshot).items()}

    def _of_running(self, values: NDArray) -> NDArray:
        """``values`` (S, ...) with NaN for runs that have stopped."""
        found = np.array(values)
        if found.dtype.kind == "f":
            found[self.stopped >= 0] = np.nan
        return found

    def _save_now_and_then(self) -> None:
        asked = interruption.asked()
        if self.file is None or (time.monotonic() - self.saved_at < _SAVE_SECONDS and not asked):
            return
        self.saved_at = time.monotonic()
        state = {
            "step": self.step,
            "phase": self.phase,
            "weights": self.weights.detach(),
            "optimiser": self.optimiser.state_dict(),
            "kept": self.kept,
            "stopped": self.stopped.tolist(),
            "records": self.records,
            "dims": self.dims,
            "watched": self.watched,
        }
        save_checkpoint(self.file, state)
        interruption.stop_if_asked()

    def resume(self) -> None:
        """Take up the state that a killed training left, if there is one."""
        state = load_checkpoint(self.file) if self.file else None
        if state is None:
            return
        with torch.no_grad():
            self.weights.copy_(state["weights"])
        self.step, self.phase, self.watched = state["step"], state["phase"], state["watched"]
        self.optimiser = self._new_optimiser()
        self.optimiser.load_state_dict(state["optimiser"])
        self.kept, self.dims = state["kept"].to(self.device), state["dims"]
        self.records, self.stopped = state["records"], np.array(state["stopped"])

    def result(self, final: Sequence[Monitor]) -> xr.Dataset:
        """All records, (run, step, ...), and those of the end, (run, ...)."""
        found: dict[str, Any] = {"stopped_at": ("run", self.stopped)}
        found |= {
            name: (("run", "step", *self.dims[name]), torch.stack(parts, dim=1).numpy())
            for name, parts in self.records.items()
        }
        for name, (dims, values) in self._seen(final, self._evaluated()[1]).items():
            found[name] = ("run", *dims), self._of_running(values)
        steps = ("step", np.array(self.watched), {"long_name": r"training steps $\tau$"})
        return xr.Dataset(found, coords={"step": steps}, attrs={"device": self.device.type})
