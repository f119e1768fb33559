"""Explorer of stored beta-VAEs: choose a start, see what each latent draws, and how errors and gaps went."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import xarray as xr
from ipywidgets import VBox
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.explore.missing import NotStored
from companion.explore.panel import in_lab, offered
from companion.explore.replicates import replicate_panel
from companion.explore.shelf import Replicates, differences, replicated
from companion.figures.style import GREY, PALETTE, figure, styled
from companion.store.artefacts import read_result
from companion.studies.vae_initialisation import TRAVERSED, vae_runs
from companion.studies.vae_recipes import VAERecipe

#: What is chosen, one after the other.
CHOICES: Final = ("imbalance", "rest")
_KEPT: Final = 32  # stacks in memory
_ACTIVE: Final = 0.1  # nats of divergence below which a latent says next to nothing


class Trained(NamedTuple):
    """Stored networks that differ in their replicate only: their imbalance, the ``rest`` as text, the replicates."""

    imbalance: str
    rest: str
    replicates: Replicates


def listed() -> list[Trained]:
    """What the stores hold of `studies.vae_initialisation`, by imbalance and name."""
    found = replicated(vae_runs, _words)
    ordered = sorted(found.items(), key=lambda each: (float(each[0][0].removeprefix("L = ")), each[0][1]))
    return [Trained(*texts, replicates=known) for texts, known in ordered]


def _words(given: Mapping[str, Any], condition: Mapping[str, Any]) -> tuple[str, str]:
    """`CHOICES` of one network."""
    recipe = differences(given["recipe"], VAERecipe().model_dump(), always=("data", "beta", "steps"))
    return f"L = {condition['imbalance']:g}", ", ".join([*recipe, f"root seed {given['seed']}"])


@lru_cache(maxsize=_KEPT)
def _stack(folder: Path) -> xr.Dataset:
    return read_result(folder)


@styled()
def view(folder: Path, place: int) -> Figure:
    """What every latent draws (left), its divergence (middle), error and gap beside the rest of its stack (right).

    Raises DamagedResult where the result is not what was written.
    """
    runs = _stack(folder)
    own = runs.isel(condition=place)
    drawing, (pictures, latents, errors, gaps) = figure(
        "text", height=2.3, ncols=4, width_ratios=[1.5, 0.6, 1, 1]
    )
    drawing.set_layout_engine(None)  # to find places anew for each view takes longer than to draw it
    drawing.subplots_adjust(left=0.05, right=0.985, bottom=0.17, top=0.83, wspace=0.3)
    divergence = own.divergence.transpose("step", "latent").values[-1]
    order = np.argsort(-divergence, kind="stable")
    _traversal(pictures, own, order)
    colours = [PALETTE["vermilion"] if divergence[latent] >= _ACTIVE else GREY for latent in order]
    latents.barh(-np.arange(len(order)), divergence[order], color=colours)
    latents.set_yticks([])
    latents.set_xlabel("nats")
    latents.set_title("divergence")
    _over_steps(errors, runs, place, "error", "squared error per image")
    errors.set_yscale("log")
    _over_steps(gaps, runs, place, "gap", "mutual information gap")
    drawing.suptitle(
        f"error {float(own.error[-1]):.2f},  gap {float(own.gap[-1]):.3f},  {int(own.active[-1])} latents active; "
        f"grey: other imbalances of this start"
    )
    return drawing


def _traversal(axes: Axes, own: xr.Dataset, order: np.ndarray) -> None:
    """A row for each latent, the most active first: what is decoded as it moves and the others stay."""
    images = own.traversal.transpose("latent", "value", "pixel").values[order]
    latents, values, pixels = images.shape
    side = round(pixels**0.5)
    mosaic = images.reshape(latents, values, side, side).transpose(0, 2, 1, 3)
    extent = (0, values, latents, 0)
    axes.imshow(mosaic.reshape(latents * side, values * side), cmap="gray_r", extent=extent, aspect="auto")
    axes.vlines(np.arange(1, values), 0, latents, color="white", linewidth=0.8)
    axes.hlines(np.arange(1, latents), 0, values, color="white", linewidth=0.8)
    shown = [0, values // 2, values - 1]
    axes.set_xticks([place + 0.5 for place in shown], [f"{TRAVERSED[place]:g}" for place in shown])
    axes.set_yticks([place + 0.5 for place in range(latents)], [f"z{1 + latent}" for latent in order])
    axes.tick_params(length=0)
    axes.set_xlabel("value of the latent")
    axes.set_title("what each latent draws")


def _over_steps(axes: Axes, runs: xr.Dataset, place: int, name: str, title: str) -> None:
    steps = runs.step.values
    curves = runs[name].transpose("condition", "step").values
    axes.plot(steps[1:], curves[:, 1:].T, color=GREY, linewidth=0.5, alpha=0.6)
    axes.plot(steps[1:], curves[place, 1:], color=PALETTE["vermilion"], linewidth=1.3)
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xlabel("training steps")
    axes.set_title(title)


@in_lab
def explorer(imbalance: str = "L = 0") -> VBox:
    """A menu for each of `CHOICES`, at first at this imbalance where it is stored, and the replicate.

    The replicate after those that are stored is on offer too: it says what training it costs. Where nothing is stored
    it offers to train three imbalances.
    """
    if listed():
        return replicate_panel(vae_runs, listed, CHOICES, view, (imbalance,))
    conditions = [{"replicate": 0, "imbalance": value} for value in (-0.75, 0.0, 0.75)]
    return offered(NotStored("three networks", vae_runs, conditions, VAERecipe(), 0), explorer)
