"""What is recorded of a stack of networks while it trains: arrays by step, along the dim of who looked."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from companion.training.curriculum_recipe import Monitor, Snapshot

#: Names map to (dims after ``run``, array (S, ...)).
Record = Mapping[str, tuple[tuple[str, ...], NDArray]]


class CurriculumRecords:
    """Records by dim and step; ``state`` is what a checkpoint holds, and what is gone on from."""

    def __init__(self) -> None:
        self.state: dict[str, dict[str, Any]] = {}

    def add(self, dim: str, step: int, values: Record) -> None:
        """Put ``values`` on record at ``step``; nothing where this was done before a kill."""
        kept = self.state.setdefault(dim, {"steps": [], "dims": {}, "arrays": {}})
        if step in kept["steps"]:
            return
        kept["steps"].append(step)
        for name, (dims, array) in values.items():
            kept["dims"][name] = list(dims)
            kept["arrays"].setdefault(name, []).append(torch.from_numpy(array))

    def watch(
        self,
        monitors: Sequence[Monitor],
        snapshot: Snapshot,
        exposure: NDArray[np.int64],
        gone: NDArray[np.bool_],
    ) -> None:
        """Let those monitors look whose step it is; networks that are ``gone`` (S,) have NaN from then on.

        ``exposure`` (S, operations), rows shown so far, is recorded beside what they see.
        """
        found: dict[str, dict[str, tuple[tuple[str, ...], NDArray]]] = {}
        for monitor in monitors:
            if snapshot.step not in monitor.steps or self._has(monitor.dim, snapshot.step):
                continue
            values = found.setdefault(monitor.dim, {})
            values[f"{monitor.dim}_exposure"] = (("operation",), exposure.copy())
            with torch.no_grad():
                for name, (dims, array) in monitor(snapshot).items():
                    kept = np.array(array)
                    if np.issubdtype(kept.dtype, np.floating):
                        kept[gone] = np.nan
                    values[name] = dims, kept
        for dim, values in found.items():
            self.add(dim, snapshot.step, values)

    def _has(self, dim: str, step: int) -> bool:
        return dim in self.state and step in self.state[dim]["steps"]

    def variables(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Variables (run, steps of their monitor, ...) and the coordinates of these steps, for a Dataset."""
        found: dict[str, Any] = {}
        coordinates: dict[str, Any] = {}
        for dim, kept in self.state.items():
            coordinates[dim] = (dim, np.array(kept["steps"]), {"long_name": r"training steps $t$"})
            for name, parts in kept["arrays"].items():
                found[name] = (("run", dim, *kept["dims"][name]), torch.stack(parts, dim=1).numpy())
        return found, coordinates
