"""Training of stacks of small transformers on several operations, by a schedule, watched while they learn.

The loss is the sum over networks of each network's own mean cross-entropy at the last position, so that each one's
gradient is what it would be alone. Rates, decays and mixture weights may differ between the networks of a stack.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from companion.compute.devices import arithmetic, torch_device
from companion.compute.memory import keep_freed_memory
from companion.session import events, interruption
from companion.session.progress import progress
from companion.training.checkpoints import load_checkpoint, save_checkpoint
from companion.training.curriculum_recipe import CurriculumRecipe, Monitor, NetworkRun, Snapshot
from companion.training.curriculum_records import CurriculumRecords
from companion.training.operation_batches import Rows, Source
from companion.training.schedules import State
from companion.training.transformer_step import TransformerStep

_SAVE_SECONDS = 120.0


def train_stack(
    recipe: CurriculumRecipe,
    source: Source,
    runs: Sequence[NetworkRun],
    monitors: Sequence[Monitor] = (),
    *,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    folder: Path | None = None,
    label: str = "transformers",
    graph: bool | None = None,
    compile: bool = False,
) -> xr.Dataset:
    """Train ``runs`` as one stack on the rows of ``source``; what monitors see, with dim ``run``.

    Also ``mixture`` and ``exposure`` (run, look, operation) where an adaptive schedule looks and at switches, and
    ``stopped_at`` (run,): the step at which a network's loss was no number (-1: never); it stops alone, and its later
    records are NaN. With ``folder``, the state is saved there every two minutes and when the session is asked to end
    (`session.interruption`), and training goes on from what a killed call left there, bit for bit on a CPU. ``graph``
    records a step once and replays it, on CUDA only; None is on where there is CUDA. ``compile`` fuses the losses on
    any device. Raises ValueError for runs that do not fit, RuntimeError for a missing device, Resumable where the
    session was asked to end.
    """
    where = torch_device(device)
    if not runs:
        raise ValueError("runs: none given; allowed: at least one")
    graph = where.type == "cuda" if graph is None else graph
    keep_freed_memory()
    with arithmetic(where, recipe.precision):
        step = TransformerStep(recipe, runs, where, graph=graph, compile=compile)
        training = _Training(recipe, source, runs, monitors, step, folder)
        training.resume()
        with progress(label, recipe.steps, "steps") as advance:
            advance(training.step)
            training.watch()
            for stop in training.stops():
                advance(training.advance_to(stop))
                training.watch()
        return training.result()


class _Training:
    """A stack in training, and what has been recorded of it."""

    def __init__(
        self,
        recipe: CurriculumRecipe,
        source: Source,
        runs: Sequence[NetworkRun],
        monitors: Sequence[Monitor],
        mover: TransformerStep,
        folder: Path | None,
    ):
        self.recipe, self.source, self.runs, self.monitors = recipe, source, list(runs), list(monitors)
        self.mover, self.records = mover, CurriculumRecords()
        self.file = folder / "training.pt" if folder else None
        self.operations = recipe.schedule.operations
        self.step = 0
        self.state: State = recipe.schedule.start(len(runs))
        self.exposure = np.zeros((len(runs), self.operations), dtype=np.int64)
        self.switches = set(recipe.schedule.switches(recipe.steps))
        self.saved_at = time.monotonic()

    def stops(self) -> list[int]:
        """Steps still ahead at which somebody looks, and the end."""
        looked = {step for monitor in self.monitors for step in monitor.steps} | {self.recipe.steps}
        return sorted(step for step in looked if self.step < step <= self.recipe.steps)

    def advance_to(self, target: int) -> int:
        """Train up to step ``target``; the steps taken."""
        first = self.step
        while self.step < target:
            if interruption.asked():
                self.save()
                interruption.stop_if_asked()
            elif self.file and time.monotonic() - self.saved_at > _SAVE_SECONDS:
                self.save()
            self._one_step()
        return self.step - first

    def _one_step(self) -> None:
        recipe, step = self.recipe, self.step
        looks = bool(self.state) and step > 0 and step % recipe.look_every == 0
        if looks:
            self._look()
        if looks or step in self.switches:
            self._switch()
        mixture = recipe.schedule.mixture(step, recipe.steps, self.state)
        if looks or step == 0 or step in self.switches:
            self._note(mixture)
        rows = self.source.draw(step, mixture, self.exposure)
        self.mover(rows, step)
        self.exposure += _shown(rows, self.operations)
        self.step += 1

    def _switch(self) -> None:
        """Networks that jump to another stage are anchored where they are."""
        jumped = self.recipe.schedule.jumps(self.step, self.recipe.steps, self.state)
        if jumped.any():
            self.mover.go_on(np.broadcast_to(jumped, len(self.runs)).copy())

    def _look(self) -> None:
        """Tell the schedule losses and accuracies on the rows it is judged by, of each operation apart."""
        rows = self.source.sample()
        found = []
        for values in self.mover.judged(rows):
            weighted = values * rows.weight
            found.append(
                np.stack([(weighted * (rows.operation == k)).sum(axis=1) for k in range(self.operations)], 1)
            )
        self.state = self.recipe.schedule.observe(self.step, found[0], found[1], self.state)

    def _note(self, mixture: NDArray[np.float64]) -> None:
        """Record w(t) and the rows shown so far."""
        shape = (len(self.runs), self.operations)
        values = {
            "mixture": (("operation",), np.broadcast_to(mixture, shape).copy()),
            "exposure": (("operation",), self.exposure.copy()),
        }
        self.records.add("look", self.step, values)

    def watch(self) -> None:
        """Let the monitors look whose step it is."""
        gone = self.mover.stop_broken(self.step)
        snapshot = Snapshot(self.step, self.mover.stack, self.mover.weights.detach())
        self.records.watch(self.monitors, snapshot, self.exposure, gone)

    def save(self) -> None:
        """Write everything that the rest of the training depends on."""
        if self.file is None:
            return
        save_checkpoint(
            self.file,
            {
                "step": self.step,
                "networks": self.mover.state(),
                "state": {name: torch.from_numpy(values) for name, values in self.state.items()},
                "exposure": torch.from_numpy(self.exposure),
                "records": self.records.state,
            },
        )
        self.saved_at = time.monotonic()

    def resume(self) -> None:
        """Take up the state that a killed training left, if there is one."""
        state = load_checkpoint(self.file) if self.file else None
        if state is None:
            return
        self.step, self.records.state = state["step"], state["records"]
        self.mover.restore(state["networks"])
        self.state = {name: values.numpy() for name, values in state["state"].items()}
        self.exposure = state["exposure"].numpy()

    def result(self) -> xr.Dataset:
        """All records, (run, steps of their monitor, ...)."""
        stopped = self.mover.stopped.cpu().numpy()
        for at in np.flatnonzero(stopped >= 0):
            name = self.runs[at].name
            events.tell(
                f"run {' '.join(map(str, name.name))}, root seed {name.root}: the loss of step {stopped[at]} is no "
                "finite number; this network stopped there"
            )
        found, coordinates = self.records.variables()
        device = self.mover.device.type
        return xr.Dataset(
            {"stopped_at": ("run", stopped), **found}, coords=coordinates, attrs={"device": device}
        )


def _shown(rows: Rows, operations: int) -> NDArray[np.int64]:
    """How many of ``rows`` with any weight are of each operation, (S, operations)."""
    return np.stack(
        [((rows.operation == k) & (rows.weight > 0)).sum(axis=1) for k in range(operations)], axis=1
    )
