"""The panel over stored networks that were trained several times each: choose one by its words, then a replicate."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ipywidgets import VBox
from matplotlib.figure import Figure

from companion.explore.panel import Control, Options, cascade, menu, panel
from companion.explore.shelf import Replicates, more_replicates
from companion.store.durable import StoredFunction


def replicate_panel(
    study: StoredFunction,
    listed: Callable[[], Sequence[Sequence[Any]]],
    names: Sequence[str],
    draw: Callable[..., Figure],
    first: Sequence[str] = (),
    further: Mapping[str, tuple[Control, Callable[[Replicates], Options]]] | None = None,
) -> VBox:
    """A menu for each of ``names``, one for the replicate, and ``further`` controls, above what ``draw`` draws.

    ``listed`` says what is stored of ``study``: entries that begin with a text for each name and end with their
    replicates. ``draw`` takes folder and place of one of them, and the values of the further controls by name, whose
    options are made from the replicates. The replicate after those that are stored is on offer too: choosing it says
    what training it costs.
    """
    entries, further = list(listed()), further or {}
    menus = cascade(entries, names, first)

    def chosen(values: Mapping[str, Any]) -> Replicates:
        texts = tuple(values[name] for name in names)
        return next(each[-1] for each in entries if tuple(each[: len(names)]) == texts)

    def replicates(before: dict[str, Any]) -> Options:
        stored = list(chosen(before))
        return [*((str(each), each) for each in stored), (f"{stored[-1] + 1}, not stored", stored[-1] + 1)]

    def shown(replicate: int, **values: Any) -> Figure:
        if replicate not in chosen(values):
            entries[:] = listed()  # it may have been trained meanwhile
        known = chosen(values)
        if replicate not in known:
            raise more_replicates(study, known, [replicate])
        place: tuple[Path, int] = known[replicate]
        return draw(*place, **{name: values[name] for name in further})

    def options_of(make: Callable[[Replicates], Options]) -> Callable[[dict[str, Any]], Options]:
        return lambda before: make(chosen(before))

    controls = {"replicate": menu("replicate", [0], 0)} | {
        name: control for name, (control, _) in further.items()
    }
    depends = {"replicate": replicates} | {name: options_of(make) for name, (_, make) in further.items()}
    return panel(shown, menus.controls | controls, menus.depends | depends)
