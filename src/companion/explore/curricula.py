"""Explorer of stored curricula: choose operations, shares and a schedule, see every seed learn; nothing is trained."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from ipywidgets import VBox
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.analysis.curriculum_times import THRESHOLD, final_accuracy, first_checkpoint
from companion.analysis.statistics import bootstrap_band
from companion.compute.seeds import generator
from companion.explore.panel import Options, cascade, in_lab, menu, offered, panel
from companion.explore.stored_curricula import CHOICES, Training, first_training, listed, more_seeds
from companion.figures.style import GREY, PALETTE, figure, styled
from companion.store.artefacts import read_result

_COLOURS: Final = tuple(PALETTE[name] for name in ("blue", "vermilion", "green", "orange", "plum", "sky"))
_KEPT: Final = ("train_accuracy", "test_accuracy", "step_exposure", "stopped_at")
_BLOCKS: Final = 64  # stacks whose curves are kept in memory
_RESAMPLES: Final = 499  # of seeds, for the bands of a view; figures of the notebook take more


@lru_cache(maxsize=_BLOCKS)
def _stack(folder: Path) -> xr.Dataset:
    """What is drawn of a stored stack, condition first."""
    return read_result(folder)[list(_KEPT)].transpose("condition", "step", "operation")


def curves(training: Training) -> xr.Dataset:
    """Accuracies and rows shown (replicate, step, operation) of stored networks.

    Raises DamagedResult where a result is not what was written.
    """
    parts = [_stack(folder).isel(condition=place) for folder, place in training.replicates.values()]
    joined = xr.concat(parts, dim="replicate", join="exact", coords="minimal", compat="override")
    return joined.assign_coords(replicate=list(training.replicates))


@styled()
def view(training: Training) -> Figure:
    """Test and training accuracy of every seed, their mean and its 95 % band; rows shown; clocks of each seed."""
    data = curves(training)
    drawing, (test, train, shown, clocks) = figure("text", height=2.1, ncols=4, width_ratios=[1.2, 1.2, 1, 1])
    drawing.set_layout_engine(None)  # to find places anew for each view takes longer than to draw it
    drawing.subplots_adjust(left=0.05, right=0.99, bottom=0.19, top=0.74, wspace=0.28)
    names = [str(name) for name in data.operation.values]
    _accuracies(test, data, "test_accuracy", "test accuracy")
    _accuracies(train, data, "train_accuracy", "training accuracy")
    _shown(shown, data)
    _clocks(clocks, data)
    ends = final_accuracy(data.test_accuracy.transpose(..., "step")).mean(axis=0)
    handles = [
        Line2D([], [], color=_colour(place), label=f"{name}: {end:.2f} at the end")
        for place, (name, end) in enumerate(zip(names, ends, strict=True))
    ]
    drawing.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.93), ncols=len(handles))
    count = data.sizes["replicate"]
    drawing.suptitle(
        f"{training.shares};  {training.schedule};  {count} seed{'s' if count > 1 else ''}", y=0.99
    )
    return drawing


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _accuracies(axes: Axes, data: xr.Dataset, name: str, title: str) -> None:
    steps, values = _drawn(data), data[name].values[:, data.step.values > 0]
    for place in range(values.shape[2]):
        runs = values[..., place]
        axes.plot(steps, runs.T, color=_colour(place), linewidth=0.4, alpha=0.5)
        if len(runs) > 1:
            low, high = bootstrap_band(
                runs.T, generator=generator(0, "explorer", "bands"), resamples=_RESAMPLES
            )
            axes.fill_between(steps, low, high, color=_colour(place), alpha=0.2, linewidth=0)
        axes.plot(steps, runs.mean(axis=0), color=_colour(place), linewidth=1.3)
    axes.axhline(THRESHOLD, color=GREY, linewidth=0.5, linestyle="--")
    axes.set_ylim(-0.03, 1.03)
    _over_steps(axes, steps)
    axes.set_title(title)


def _shown(axes: Axes, data: xr.Dataset) -> None:
    """Which operation the rows between two evaluations were of."""
    rows = np.diff(data.step_exposure.values.astype(float), axis=1).mean(axis=0)
    shares = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    steps, below = _drawn(data), np.zeros(len(shares))
    for place, share in enumerate(shares.T):
        axes.fill_between(
            steps, below, below + share, step="pre", color=_colour(place), alpha=0.6, linewidth=0
        )
        below = below + share
    axes.set_xlim(0, steps[-1])
    axes.set_ylim(0, 1)
    axes.set_xlabel("steps t")
    axes.set_title("rows shown, by operation")


def _clocks(axes: Axes, data: xr.Dataset) -> None:
    """First evaluations at the threshold; open marks at the right for what was never reached."""
    steps = _drawn(data)
    count = data.sizes["operation"]
    for name, marker, offset in (("train_accuracy", "o", 0.15), ("test_accuracy", "D", -0.15)):
        times = first_checkpoint(data.step, data[name].transpose("operation", "replicate", "step"))
        for place, own in enumerate(times):
            height = np.full(own.size, count - 1 - place + offset)
            for marks, at, face in (
                (np.isfinite(own), own, _colour(place)),
                (np.isinf(own), np.full(own.size, steps[-1]), "white"),
            ):
                axes.plot(
                    at[marks],
                    height[marks],
                    marker,
                    color=_colour(place),
                    markerfacecolor=face,
                    markersize=3.5,
                    alpha=0.8,
                    clip_on=False,
                )
    handles = [
        Line2D([], [], color=GREY, marker=marker, linestyle="", label=label)
        for marker, label in (("o", "train"), ("D", "test"))
    ]
    axes.legend(handles=handles, loc="upper left", ncols=2, columnspacing=0.6, handletextpad=0.1)
    axes.set_ylim(-0.6, count - 0.1)
    axes.set_yticks([])
    _over_steps(axes, steps)
    axes.set_title(f"accuracy {THRESHOLD:g} (open: never)")


def _drawn(data: xr.Dataset) -> np.ndarray:
    """Steps but the first, 0, for which a logarithmic axis has no place."""
    return data.step.values[data.step.values > 0]


def _over_steps(axes: Axes, steps: np.ndarray) -> None:
    axes.set_xscale("log")
    axes.set_xlim(steps[0], steps[-1])
    ticks = [10**power for power in range(7) if steps[0] <= 10**power <= steps[-1]]
    axes.set_xticks(ticks, [f"{tick}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("steps t")


@in_lab
def explorer(operations: str = "", shares: str = "", schedule: str = "") -> VBox:
    """A menu for each of `CHOICES`, at first at these where they are stored, and the view below them.

    Beside them how many seeds are drawn: those that are stored, or twice as many, which it offers to train. Where
    nothing is stored it offers to train a first one.
    """
    trainings = listed()
    if not trainings:
        return offered(first_training(), explorer)
    menus = cascade(trainings, CHOICES, (operations, shares, schedule))

    def chosen(texts: Mapping[str, Any]) -> Training:
        return next(each for each in trainings if all(texts[name] == getattr(each, name) for name in CHOICES))

    def counts(before: dict[str, Any]) -> Options:
        stored = len(chosen(before).replicates)
        return [(f"{stored}, all that are stored", stored), (f"{2 * stored}", 2 * stored)]

    def shown(**values: Any) -> Figure:
        if len(chosen(values).replicates) < values["seeds"]:
            trainings[:] = listed()  # they may have been trained meanwhile
        if len(chosen(values).replicates) < values["seeds"]:
            raise more_seeds(chosen(values), values["seeds"])
        return view(chosen(values))

    return panel(shown, menus.controls | {"seeds": menu("seeds", [0], 0)}, menus.depends | {"seeds": counts})
