"""Explorer of stored curricula: choose operations, shares and a schedule, see every seed learn; nothing is trained."""

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.analysis.curriculum_times import THRESHOLD, final_accuracy, first_checkpoint
from companion.analysis.statistics import bootstrap_band
from companion.compute.seeds import generator
from companion.explore.pictures import picture
from companion.figures.style import GREY, PALETTE, figure, styled
from companion.store.arguments import readable
from companion.store.artefacts import DamagedResult, all_results, read_result, store_roots
from companion.store.upkeep import whole_manifest
from companion.studies.curriculum_runs import curriculum_runs
from companion.training.curriculum_spec import OWN_FIELDS, CurriculumSpec, ScheduleSpec, TaskSpec

if TYPE_CHECKING:
    from ipywidgets import Widget

#: What is chosen, one after the other: each offers only what the choices before it leave.
CHOICES: Final = ("operations", "shares", "schedule", "rest")
NOTHING: Final = "The store holds no curricula yet; make them with `python run_all.py e4_mixtures`."

_COLOURS: Final = tuple(PALETTE[name] for name in ("blue", "vermilion", "green", "orange", "plum", "sky"))
_KEPT: Final = ("train_accuracy", "test_accuracy", "step_exposure", "stopped_at")
_BLOCKS: Final = 64  # stacks whose curves are kept in memory
_RESAMPLES: Final = 499  # of seeds, for the bands of a view; figures of the notebook take more


class Training(NamedTuple):
    """Stored networks that differ in their replicate only.

    ``operations``, trained ``shares`` of their tables, ``schedule`` and the ``rest`` of their settings as text, and for
    each ``replicates`` its folder in the store and its number in the stack that was trained there.
    """

    operations: str
    shares: str
    schedule: str
    rest: str
    replicates: Mapping[int, tuple[Path, int]]


def listed() -> list[Training]:
    """What the stores hold of `studies.curriculum_runs`, by name; damaged results are left out.

    Where several versions of the code have trained the same networks, those of the newest result.
    """
    made: dict[tuple[str, ...], dict[str, Any]] = {}
    stacks = []
    for root in store_roots():
        for address, folder in all_results(root):
            if address.function == curriculum_runs.name:
                try:
                    manifest = whole_manifest(folder)
                except DamagedResult:
                    continue
                stacks.append((float(manifest["made"]["time"]), folder, manifest))
    for _, folder, manifest in sorted(stacks, key=lambda stack: stack[0], reverse=True):
        given = {name: readable(form) for name, form in manifest["arguments"].items()}
        for place, condition in enumerate(given["conditions"]):
            own = {name: value for name, value in condition.items() if name != "replicate"}
            texts = _texts(given["spec"], own, given["seed"])
            code = manifest["fingerprint"]
            known = made.setdefault(texts, {"fingerprint": code, "replicates": {}})
            if known["fingerprint"] == code:
                known["replicates"].setdefault(condition["replicate"], (folder, place))
    return [
        Training(*texts, replicates=dict(sorted(known["replicates"].items())))
        for texts, known in sorted(made.items())
    ]


def _texts(spec: Mapping[str, Any], own: Mapping[str, Any], seed: int) -> tuple[str, str, str, str]:
    """`CHOICES` of one network: its spec, as the store keeps it, with the fields that it has of its own."""
    tasks = dict(spec["tasks"]) | {
        name: value for name, value in own.items() if name in TaskSpec.model_fields
    }
    fields = dict(spec) | {name: value for name, value in own.items() if name in CurriculumSpec.model_fields}
    schedule = dict(spec["schedule"])
    if "weights" in own:
        schedule |= {"kind": "static", "weights": own["weights"]}
    count = len(tasks["operations"])
    shares = tasks["fractions"] if len(tasks["fractions"]) > 1 else list(tasks["fractions"]) * count
    kind = schedule.pop("kind")
    if kind == "static":
        weights = schedule.pop("weights") or [1 / count] * count
        kind = "mixed " + " : ".join(map(_plain, weights)) if count > 1 else "alone"
    changed = _differences(schedule, ScheduleSpec().model_dump())
    batch = f"batches of {fields['batch']}" if fields["batch"] else "all rows"
    shown = ("operations", "fractions", "tasks", "schedule", "steps", "batch", "model")
    rest = [f"{fields['steps']} steps", batch, f"root seed {seed}"]
    for values, usual in ((tasks, TaskSpec().model_dump()), (fields, CurriculumSpec().model_dump())):
        left = {name: value for name, value in values.items() if name not in shown}
        rest += _differences(left, usual, always=[name for name in OWN_FIELDS if name in own])
    return (
        " + ".join(tasks["operations"]),
        "f = " + ", ".join(map(_plain, shares)),
        ", ".join([kind, *changed]),
        ", ".join(rest),
    )


def _differences(
    values: Mapping[str, Any], usual: Mapping[str, Any], always: Sequence[str] = ()
) -> list[str]:
    """Names and values of what is not as usual; fields that the code no longer knows are named too."""
    found = []
    for name, value in values.items():
        plain = list(value) if isinstance(value, list | tuple) else value
        default = usual.get(name)
        same = plain == (list(default) if isinstance(default, tuple) else default)
        if name != "model" and (not same or name in always):
            text = " ".join(map(_plain, plain)) if isinstance(plain, list) else _plain(plain)
            found.append(f"{name.replace('_', ' ')} {text}")
    return found


def _plain(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


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


def explorer() -> "Widget | str":
    """A menu for each of `CHOICES` and the view below them.

    In a batch run, where nobody can choose, a line that says where to find it; `NOTHING` where nothing is stored.
    """
    if os.environ.get("COMPANION_RUN"):
        return "The explorer opens in JupyterLab: make lab."
    trainings = listed()
    if not trainings:
        return NOTHING
    import ipywidgets as widgets

    wide = {"style": {"description_width": "80px"}, "layout": widgets.Layout(width="48%")}
    menus = [widgets.Dropdown(description=name, **wide) for name in CHOICES]
    screen = widgets.Output()

    def refill(first: int) -> None:
        for place in range(first, len(menus)):
            before = tuple(menu.value for menu in menus[:place])
            options = list(dict.fromkeys(each[place] for each in trainings if each[:place] == before))
            menu, value = menus[place], menus[place].value
            menu.unobserve(moved, "value")  # new options move the menu too, which is no second wish
            menu.options = options
            menu.value = value if value in options else options[0]
            menu.observe(moved, "value")

    def redraw() -> None:
        from IPython.display import clear_output, display

        chosen = tuple(menu.value for menu in menus)
        drawing = picture(view(next(each for each in trainings if each[: len(CHOICES)] == chosen)))
        with screen:
            clear_output(wait=True)
            display(drawing)

    def moved(change: Any) -> None:
        refill(menus.index(change["owner"]) + 1)
        redraw()

    for menu in menus:
        menu.observe(moved, "value")
    refill(0)
    redraw()
    return widgets.VBox([widgets.HBox(menus[:2]), widgets.HBox(menus[2:]), screen])
