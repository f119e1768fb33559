"""``evaluate samples.npy train.npy [labels.npy]``: are samples of a run that exists already copies?"""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import xarray as xr

# Numerical libraries are imported where they are used: --help should not wait for them.

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

# Multiplications from which a word is said before them.
_LONG = 1e11

_RATIOS, _SAMPLES = "evaluation_f1_ratios", "evaluation_f2_samples"


@app.command()
def evaluate(
    samples: Annotated[Path, typer.Argument(help="Generated samples, .npy, (n, ...).")],
    train: Annotated[Path, typer.Argument(help="Training images of the same run, .npy, in the same units.")],
    labels: Annotated[
        Path | None, typer.Argument(help="Class of each training image, .npy, whole numbers (n,).")
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npy", help="Real images that were not trained on, for the null rate."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where figures and numbers go.")] = Path(
        "evaluation"
    ),
    threshold: Annotated[float, typer.Option(help="A sample is memorised where d1/d2 is smaller.")] = 1 / 3,
) -> None:
    """Memorised fraction of samples, its null rate, classes, coverage and Fréchet distance, with figures.

    A sample counts as memorised when its nearest training image is much nearer than the second: d1/d2 < 1/3
    (arXiv:2505.17638). Distances are exact. Without --held-out the null rate is that of each training image
    against the others. Exit codes: 0 done, 1 the results could not be written, 2 bad input.
    """
    from companion.studies.evaluation_files import BadInput, read_inputs

    try:
        if not 0 < threshold <= 1:
            raise BadInput(f"--threshold: {threshold} given, allowed is above 0, up to 1")
        if out.exists() and not out.is_dir():
            raise BadInput(f"--out: {out} is a file; allowed is a folder")
        given = read_inputs(samples, train, labels, held_out)
    except BadInput as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(2) from None
    from companion.session import events
    from companion.studies.evaluation import evaluation, neighbour_search

    work = (len(given.samples) + len(given.train)) * given.train.size
    if work > _LONG:
        events.tell(
            f"{len(given.samples)} samples against {len(given.train)} training images: this takes a while"
        )
    try:
        found = neighbour_search(given.samples, given.train, given.held_out)
        if work > _LONG:
            events.tell("distances are known; rates, classes and figures follow")
        data = evaluation(found, given.samples, given.train, given.labels, threshold, given.picture)
        if "companion_key" not in data.attrs:  # the store has said why
            raise typer.Exit(1)
        summary = {**_numbers(data), "threshold": threshold, "files": given.files, "notes": list(given.notes)}
        _write(data, summary, out)
    except OSError as problem:
        typer.echo(f"{out}: could not be written: {problem}", err=True)
        raise typer.Exit(1) from None
    _show(data, summary, held_out is not None, out)


def _write(data: "xr.Dataset", summary: dict[str, Any], out: Path) -> None:
    from companion.figures import evaluation as figures
    from companion.figures.save import save
    from companion.figures.tables import tidy_csv
    from companion.session.files import write_atomically, write_json

    pictured = [str(name) for name in data.data_vars if str(name).startswith("shown_")]
    by_sample = [str(name) for name, values in data.data_vars.items() if values.dims == ("sample",)]
    with _figures_in(out):
        save(_RATIOS, figures.ratios, data.drop_vars([*pictured, *by_sample]))
        if pictured:
            save(_SAMPLES, figures.samples, data[pictured])
    write_atomically(out / "samples.csv", tidy_csv(data[by_sample]))
    write_json(out / "summary.json", summary)


@contextlib.contextmanager
def _figures_in(folder: Path) -> Iterator[None]:
    """Figures saved inside the block go to ``folder``."""
    before = os.environ.get("COMPANION_FIGURES")
    os.environ["COMPANION_FIGURES"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["COMPANION_FIGURES"]
        else:
            os.environ["COMPANION_FIGURES"] = before


def _numbers(data: "xr.Dataset") -> dict[str, Any]:
    """Scalars and class tables as JSON takes them; what is missing is null."""
    kept = {
        str(name): values.values.tolist()
        for name, values in data.data_vars.items()
        if values.dims in ((), ("label",), ("rank",))
    }
    if "label" in data.coords:
        kept["labels"] = data.label.values.tolist()
    return {name: _plain(value) for name, value in kept.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _show(data: "xr.Dataset", summary: dict[str, Any], held_out: bool, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True, highlight=False)
    table = Table("", "share", "95 % interval", "count", box=None)
    against = "held-out images" if held_out else "training images, leave one out"
    for name, text, hits, trials in (
        (
            "memorised_fraction",
            f"memorised, d1/d2 < {summary['threshold']:.3g}",
            "memorised_samples",
            "samples",
        ),
        ("null_rate", f"null rate, {against}", "null_samples", "null_trials"),
    ):
        ends = f"{_share(summary[f'{name}_lower'])} to {_share(summary[f'{name}_upper'])}"
        table.add_row(text, _share(summary[name]), ends, f"{summary[hits]} of {summary[trials]}")
    images = summary["training_images"]
    table.add_row(
        "training images copied",
        _share(summary["images_hit"] / images),
        "",
        f"{summary['images_hit']} of {images}",
    )
    console.print(table)
    if "label" in data.dims:
        console.print(_class_table(data))
        if "undecided" in data:
            console.print(
                f"discriminant: {_share(float(data.discriminant_accuracy.mean()))} right on held-out training images, "
                f"{_share(summary['undecided'])} of samples undecided, "
                f"{_share(summary['disagreement'])} of the others at odds with the nearest image"
            )
    copied = [
        f"{image} ({count})"
        for image, count in zip(summary["copied_image"], summary["copies"], strict=True)
        if count
    ]
    if copied:
        console.print(f"most copied training images (times): {', '.join(copied)}")
    floor = summary["frechet_floor"]
    beside = "" if floor is None else f"; {floor:.4g} for {summary['frechet_floor_size']} real images"
    distance = "-" if summary["frechet"] is None else f"{summary['frechet']:.4g}"
    console.print(
        f"Fréchet distance to the training set: {distance} in {summary['frechet_dimension']} principal "
        f"coordinates ({_share(summary['frechet_explained'])} of the variance){beside}"
    )
    for note in summary["notes"]:
        console.print(f"note: {note}")
    console.print(f"figures and numbers: {out}")


def _class_table(data: "xr.Dataset") -> Any:
    from rich.table import Table

    rules = {"by_nearest": "nearest", "by_discriminant": "classified"}
    rules = {rule: head for rule, head in rules.items() if f"class_fraction_{rule}" in data}
    heads = [f"{head}:\n{name}" for head in rules.values() for name in ("samples", "memorised")]
    table = Table("\nclass", "training\nimages", "\ntwins", "\ncopied", *heads, box=None)
    for index, label in enumerate(data.label.values):
        part = data.isel(label=index)
        cells = [str(int(part[name])) for name in ("class_images", "class_twins", "class_images_hit")]
        for rule in rules:
            cells += [str(int(part[f"class_samples_{rule}"])), _share(float(part[f"class_fraction_{rule}"]))]
        table.add_row(str(label), *cells)
    return table


def _share(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{100 * value:.1f} %"
