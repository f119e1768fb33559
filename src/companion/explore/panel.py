"""The look that all explorers share: controls of one size above a picture that is drawn anew after each move."""

import contextlib
import functools
import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from operator import eq
from typing import Any, Final, NamedTuple

from IPython.display import Image, clear_output, display
from ipywidgets import (
    HTML,
    Box,
    Button,
    Dropdown,
    FloatLogSlider,
    FloatSlider,
    IntSlider,
    Layout,
    Output,
    SelectionSlider,
    VBox,
    Widget,
)
from matplotlib.figure import Figure

from companion.explore.missing import NotStored
from companion.explore.pictures import picture

#: What a cell shows where nobody can move a slider.
CLOSED: Final = "The explorer opens in JupyterLab: make lab."

Control = Dropdown | FloatLogSlider | FloatSlider | IntSlider | SelectionSlider
#: Entries of a menu: values, or pairs of a text and its value.
Options = Sequence[Any]


def is_closed() -> bool:
    """Whether this is a batch run."""
    return bool(os.environ.get("COMPANION_RUN"))


def in_lab(explorer: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates an explorer: in a batch run it is `CLOSED` and does nothing."""

    @functools.wraps(explorer)
    def opened(*arguments: Any, **named: Any) -> Any:
        return CLOSED if is_closed() else explorer(*arguments, **named)

    return opened


def slider(label: str, start: float, least: float, most: float, step: float) -> FloatSlider | IntSlider:
    """From ``least`` to ``most``; whole numbers where ``step`` is one."""
    kind = IntSlider if isinstance(step, int) else FloatSlider
    return kind(start, min=least, max=most, step=step, **_look(label), continuous_update=False)


def log_slider(
    label: str, start: float, least: float, most: float, step: float, base: float = 10.0
) -> FloatLogSlider:
    """Powers of ``base``, whose exponents go from ``least`` to ``most``."""
    look = _look(label) | {"continuous_update": False}
    return FloatLogSlider(start, base=base, min=least, max=most, step=step, **look)


def stops(label: str, options: Options, start: Any) -> SelectionSlider:
    """A slider over ``options``, one of which is the ``start``."""
    return SelectionSlider(options=options, value=start, **_look(label), continuous_update=False)


def menu(label: str, options: Options, start: Any, *, wide: bool = False) -> Dropdown:
    """A menu of ``options``, one of which is the ``start``."""
    return Dropdown(options=options, value=start, **_look(label, wide=wide))


def _look(label: str, *, wide: bool = False) -> dict[str, Any]:
    layout = Layout(width="676px" if wide else "336px", max_width="98%")
    return {"description": label, "style": {"description_width": "120px"}, "layout": layout}


def cascade(entries: Sequence[Sequence[Any]], names: Sequence[str], first: Sequence[str] = ()) -> "Cascade":
    """Menus called ``names`` that choose one of ``entries``, each offering what those before it leave.

    ``entries`` begin with a text for each name, and may grow later. The last menu is wide, since it tells the rest.
    They begin at ``first``, where there is such an entry.
    """
    begin = dict(zip(names, first, strict=False))
    controls: dict[str, Control] = {
        name: menu(name, [begin.get(name, "")], begin.get(name, ""), wide=name == names[-1]) for name in names
    }

    def left(place: int) -> Callable[[dict[str, Any]], Options]:
        return lambda before: list(
            dict.fromkeys(each[place] for each in entries if all(map(eq, each, before.values())))
        )

    return Cascade(controls, {name: left(place) for place, name in enumerate(names)})


class Cascade(NamedTuple):
    """Menus by name, and what their options depend on: two of the arguments of `panel`."""

    controls: dict[str, Control]
    depends: dict[str, Callable[[dict[str, Any]], Options]]


def offered(missing: NotStored, build: Callable[[], Widget]) -> VBox:
    """In place of an explorer that has nothing to show yet: what is missing, and the explorer once it is computed."""
    screen, box = Output(), VBox()

    def done() -> None:
        box.children = (build(),)

    box.children = (_offer(missing, screen, done), screen)
    return box


def _offer(missing: NotStored, screen: Output, done: Callable[[], None]) -> VBox:
    """What is missing and what it costs, with a button that computes it and is then ``done``."""
    button = Button(description="compute it", button_style="primary")

    def pressed(_: Button) -> None:
        button.disabled, button.description = True, "computing"
        with screen:
            try:
                missing.compute()
            except BaseException:  # the screen shows it, and the offer stands
                button.disabled, button.description = False, "compute it"
                raise
            done()

    button.on_click(pressed)
    return VBox([HTML(escape(str(missing))), button])


def panel(
    view: Callable[..., Figure],
    controls: Mapping[str, Control],
    depends: Mapping[str, Callable[[dict[str, Any]], Options]] | None = None,
) -> VBox:
    """Controls and below them what ``view`` draws of their values, which it takes by name.

    A menu, or a slider over options, may offer what the controls before it leave: ``depends`` makes its options from
    their values. One move draws once, when the control is let go. Where the view raises NotStored, what is missing
    is said in its place, with a button that computes it.
    """
    return _Panel(view, controls, depends or {}).box


class _Panel:
    """The controls of one explorer and its screen."""

    def __init__(
        self,
        view: Callable[..., Figure],
        controls: Mapping[str, Control],
        depends: Mapping[str, Callable[[dict[str, Any]], Options]],
    ):
        self.view, self.controls, self.depends = view, controls, depends
        self.screen = Output()
        self.box = VBox([Box(list(controls.values()), layout=Layout(flex_flow="row wrap")), self.screen])
        for control in controls.values():
            control.observe(self._moved, "value")
        self._refill(0)
        self._redraw()

    def _values(self) -> dict[str, Any]:
        return {name: control.value for name, control in self.controls.items()}

    def _moved(self, change: Any) -> None:
        self._refill(list(self.controls.values()).index(change["owner"]) + 1)
        self._redraw()

    def _refill(self, first: int) -> None:
        """Offer anew what depends on the controls before it, from the ``first`` on; choices stay, where they can."""
        for place, (name, menu) in enumerate(self.controls.items()):
            if place < first or name not in self.depends or not isinstance(menu, Dropdown | SelectionSlider):
                continue
            options = self.depends[name](dict(list(self._values().items())[:place]))
            values = [each[1] if isinstance(each, tuple) else each for each in options]
            begin = values[0] if isinstance(menu, Dropdown) else values[-1]  # a run is looked at from its end
            chosen = menu.value if menu.value in values else begin
            menu.unobserve(self._moved, "value")  # new options move the menu too, which is no second wish
            menu.options, menu.value = options, chosen
            menu.observe(self._moved, "value")

    def _redraw(self) -> None:
        with self.screen, _undisturbed():
            self._draw()

    def _draw(self) -> None:
        try:
            drawing = picture(self.view(**self._values()))
        except NotStored as missing:
            drawing = _offer(missing, self.screen, self._draw)
        clear_output(wait=True)
        display(drawing)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage is collected in this block: that takes as long as a picture, and can wait until it is shown."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def stop(view: Callable[[Any], Figure], control: Control) -> VBox | Image:
    """One slider over one picture; in a batch run the picture that it starts from."""
    if is_closed():
        return picture(view(control.value))
    return panel(lambda value: view(value), {"value": control})
