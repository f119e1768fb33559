"""Explorer of stored U-Nets: choose images, network and checkpoint, see what is generated, copied and learned."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import xarray as xr
from ipywidgets import VBox
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.datasets.fashion_mnist import load
from companion.datasets.image_pairs import ImagePair
from companion.explore.copies import THRESHOLD, bare, draw_copies
from companion.explore.missing import NotStored
from companion.explore.panel import Options, in_lab, offered, stops
from companion.explore.replicates import replicate_panel
from companion.explore.shelf import Replicates, call_of, differences, replicated
from companion.figures.style import GREY, figure, styled
from companion.figures.unet_classes import CLASS_COLOURS
from companion.figures.unet_curves import CLOCKS
from companion.store.artefacts import read_result
from companion.studies.unet_recipes import ImageSetting, Recipe
from companion.studies.unet_runs import run_name, score_runs
from companion.studies.unet_summaries import clocks, curves, ratios

#: What is chosen, one after the other.
CHOICES: Final = ("classes", "images", "rest")
_PICTURES: Final = 8  # that are drawn side by side
_KEPT: Final = 32  # runs in memory


class Trained(NamedTuple):
    """Stored runs that differ in their replicate only: classes, images and the ``rest`` as text, and the replicates."""

    classes: str
    images: str
    rest: str
    replicates: Replicates


class Watched(NamedTuple):
    """One run: curves and clocks of both classes, samples at every step, and the images that it was trained on.

    ``ratio`` d_1/d_2, ``told`` the class of a sample (-1: none) and ``nearest`` the training image closest to it are
    (step, sample); ``images`` (step, shown, pixel) are the samples that were kept, none or some.
    """

    curves: xr.Dataset
    clocks: xr.Dataset
    ratio: np.ndarray
    told: np.ndarray
    nearest: np.ndarray
    images: np.ndarray
    pair: ImagePair


def listed() -> list[Trained]:
    """What the stores hold of `studies.unet_runs`, by name; first those whose samples were kept."""
    found = replicated(score_runs, _words)
    ordered = sorted(found.items(), key=lambda each: (*each[0][:2], "shown" not in each[0][2], each[0][2]))
    return [Trained(*texts, replicates=known) for texts, known in ordered]


def _words(given: Mapping[str, Any], condition: Mapping[str, Any]) -> tuple[str, ...]:
    """`CHOICES` of one run."""
    named = ("first", "second", "first_count", "second_count", "replicate")
    own = {name: value for name, value in condition.items() if name not in named}
    second = condition["second"] or "the same, dialled"
    counts = f"{condition['first_count']} + {condition['second_count']}"
    images = ", ".join([counts, *differences(own, ImageSetting().model_dump())])
    recipe = differences(given["recipe"], Recipe().model_dump(), always=("steps",))
    return f"{condition['first']} / {second}", images, ", ".join([*recipe, f"root seed {given['seed']}"])


@lru_cache(maxsize=_KEPT)
def watched(folder: Path, place: int) -> Watched:
    """The run at ``place`` of a stored stack. Raises DamagedResult where the result is not what was written."""
    given = call_of(folder).arguments
    condition = dict(given["conditions"][place])
    name = run_name(setting := _setting(condition), condition["replicate"], given["seed"])
    recipe: Recipe = given["recipe"]
    pair = setting.draw(load(recipe.data), recipe.side, name)
    runs = read_result(folder).isel(condition=[place])
    runs = runs.assign_coords(first_count=("condition", [setting.first_count]))
    found = curves(runs)
    sampled = runs.isel(condition=0).transpose("step", "sample", "neighbour_rank", ...)
    images = sampled.image.transpose("step", "shown", "pixel").values if "image" in runs else np.empty((0, 0))
    return Watched(
        curves=found.isel(condition=0),
        clocks=clocks(found).isel(condition=0),
        ratio=ratios(sampled.distance.values),
        told=sampled.sample_class.values,
        nearest=sampled.neighbour.values[..., 0],
        images=images,
        pair=pair,
    )


def _setting(condition: Mapping[str, Any]) -> ImageSetting:
    return ImageSetting(**{name: value for name, value in condition.items() if name != "replicate"})


@styled()
def view(run: Watched, step: int) -> Figure:
    """Samples and nearest training images at a checkpoint (or the images copied most); d_1/d_2; copies; clocks."""
    place = int(np.flatnonzero(run.curves.step.values == step)[0])
    drawing, (pictures, near, copied, times) = figure(
        "text", height=2.3, ncols=4, width_ratios=[3, 0.8, 1, 1.05]
    )
    drawing.set_layout_engine(None)  # to find places anew for each view takes longer than to draw it
    drawing.subplots_adjust(left=0.01, right=0.985, bottom=0.17, top=0.83, wspace=0.22)
    _pictures(pictures, run, place)
    _ratios(near, run, place)
    _copied(copied, run, step)
    _clocks(times, run, step)
    first, second = run.pair.class_names
    handles = [
        Line2D([], [], color=colour, label=name)
        for colour, name in zip(CLASS_COLOURS, (first, second), strict=True)
    ]
    drawing.legend(handles=handles, loc="upper right", ncols=2)
    drawing.suptitle(f"step {step}: {run.curves.memorised_all.values[place]:.0%} of the samples are copies")
    return drawing


def _pictures(axes: Axes, run: Watched, place: int) -> None:
    """The samples that were kept; without any, the training images that most samples are nearest to."""
    train = run.pair.pictures(run.pair.train)
    if run.images.size:
        shown = run.pair.pictures(run.images[place, :_PICTURES])
        count = len(shown)
        draw_copies(axes, shown, train[run.nearest[place, :count]], run.ratio[place, :count])
        axes.set_title("generated (top), nearest training image, $d_1/d_2$")
        return
    counts = np.bincount(run.nearest[place], minlength=len(train))
    most = np.argsort(-counts, kind="stable")[:_PICTURES]
    for column, image in enumerate(most):
        axes.imshow(train[image], cmap="gray_r", extent=(column, column + 0.92, -0.92, 0))
        axes.text(column + 0.46, -1.15, str(counts[image]), ha="center")
    bare(axes, len(most), 1.3)
    axes.set_title("training images nearest to most samples")


def _ratios(axes: Axes, run: Watched, place: int) -> None:
    groups = [run.ratio[place][run.told[place] == label] for label in (-1, 0, 1)]
    axes.hist(groups, np.linspace(0, 1, 16).tolist(), stacked=True, color=[GREY, *CLASS_COLOURS])
    axes.axvline(THRESHOLD, color=GREY, linewidth=0.8, linestyle="--")
    axes.set_yticks([])
    axes.set_xlabel("$d_1/d_2$")
    axes.set_title("samples")


def _copied(axes: Axes, run: Watched, step: int) -> None:
    """Of each class where enough samples are of it, and of all samples (grey)."""
    steps = run.curves.step.values
    axes.plot(steps, run.curves.memorised_all, color=GREY, linewidth=0.8)
    for label, colour in enumerate(CLASS_COLOURS):
        one = run.curves.sel(label=label)
        axes.fill_between(steps, one.memorised_low, one.memorised_high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(steps, one.memorised, ".-", color=colour, markersize=2)
    axes.set_ylim(-0.03, 1.03)
    _over_steps(axes, steps, step)
    axes.set_title("memorised fraction")


def _clocks(axes: Axes, run: Watched, step: int) -> None:
    """When every clock of a class has struck; an open mark at the right where it never did."""
    steps = run.curves.step.values
    for row, name in enumerate(CLOCKS):
        _, marker, _ = CLOCKS[name]
        for label, colour in enumerate(CLASS_COLOURS):
            time = float(run.clocks.time.sel(clock=name, label=label))
            at, face = (time, colour) if np.isfinite(time) else (steps[-1], "white")
            axes.plot(at, -row - 0.3 * label, marker, color=colour, mfc=face, markersize=3.5, clip_on=False)
    axes.set_yticks([-row - 0.15 for row in range(len(CLOCKS))], list(CLOCKS), fontsize=5)
    axes.tick_params(axis="y", pad=-2, length=0, direction="in")
    for text in axes.get_yticklabels():
        text.set_horizontalalignment("left")
    axes.set_ylim(-len(CLOCKS) + 0.3, 0.5)
    _over_steps(axes, steps, step)
    axes.set_title("clocks (open: never)")


def _over_steps(axes: Axes, steps: np.ndarray, step: int) -> None:
    first = steps[steps > 0][0]
    axes.axvline(max(step, first), color=GREY, linewidth=0.8, linestyle="--")
    axes.set_xscale("log")
    axes.set_xlim(first, max(steps[-1], first + 1))
    axes.minorticks_off()
    axes.set_xlabel("training steps")


@in_lab
def explorer(classes: str = "", images: str = "") -> VBox:
    """A menu for each of `CHOICES`, at first at these where they are stored, a replicate and a checkpoint.

    The replicate after those that are stored is on offer too: it says what training it costs. Where nothing is stored
    it offers to train a first run.
    """
    if not listed():
        conditions = [ImageSetting().condition(0)]
        return offered(NotStored("a U-Net", score_runs, conditions, Recipe(shown=_PICTURES), 0), explorer)

    def drawn(folder: Path, place: int, step: int) -> Figure:
        return view(watched(folder, place), step)

    def steps(known: Replicates) -> Options:
        return watched(*next(iter(known.values()))).curves.step.values.tolist()

    further = {"step": (stops("training step", [-1], -1), steps)}
    return replicate_panel(score_runs, listed, CHOICES, drawn, (classes, images), further)
