"""How long a move of each explorer takes: random controls, set to random values, of which each draws once.

    COMPANION_STORE=build/store python benchmarks/explorers.py [--moves 30] [--only relu_landscape ...]

Explorers are those that end the notebooks, from their first pictures on; moves to values that no store has are counted
apart, since they draw nothing. CPU seconds of this process, which a busy machine does not stretch by waiting, and
elapsed ones. The goal is half a second.
"""

import argparse
import ast
import importlib
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from ipywidgets import Dropdown, FloatLogSlider, FloatSlider, IntSlider, SelectionSlider, VBox

from companion.explore import panel
from companion.session.root import project_root
from companion.settings.notebook import list_notebooks, read_notebook

GOAL = 0.5


def explorers() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Notebook, explorer and named arguments of every notebook's last cell."""
    for path in list_notebooks(project_root() / "notebooks"):
        cells = [cell for cell in read_notebook(path).cells if cell.kind == "code"]
        call = ast.parse(cells[-1].source).body[0].value
        if path.stem == "tour":
            continue
        names = {
            alias.asname or alias.name: (node.module, alias.name)
            for cell in cells
            for node in ast.walk(ast.parse(cell.source))
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("companion.explore")
            for alias in node.names
        }
        owner, inside = names[call.func.value.id if isinstance(call.func, ast.Attribute) else call.func.id]
        module = importlib.import_module(
            f"{owner}.{inside}" if isinstance(call.func, ast.Attribute) else owner
        )
        given = {each.arg: ast.literal_eval(each.value) for each in call.keywords}
        yield path.stem, module.explorer, given


def drawn(control: Any, generator: np.random.Generator) -> Any:
    """A value that a reader could choose."""
    if isinstance(control, Dropdown | SelectionSlider):
        values = [each[1] if isinstance(each, tuple) else each for each in control.options]
        return values[generator.integers(len(values))]
    if isinstance(control, IntSlider):
        return int(generator.integers(control.min, control.max + 1))
    places = round((control.max - control.min) / control.step)
    value = control.min + control.step * generator.integers(places + 1)
    return float(control.base**value if isinstance(control, FloatLogSlider) else value)


def measured(box: VBox, moves: int, generator: np.random.Generator) -> tuple[list[tuple[float, float]], int]:
    """CPU and elapsed seconds of the moves that drew, and how many found nothing stored."""
    shown: list[Any] = []
    panel.display = shown.append
    controls = [
        each
        for each in box.children[0].children
        if isinstance(each, Dropdown | FloatLogSlider | FloatSlider | IntSlider | SelectionSlider)
    ]
    times, missing = [], 0
    for move in range(moves + 2):
        control = controls[generator.integers(len(controls))]
        value, back = drawn(control, generator), control.value
        before, cpu, wall = len(shown), time.process_time(), time.perf_counter()
        control.value = value
        spent = time.process_time() - cpu, time.perf_counter() - wall
        if len(shown) == before:
            continue
        if isinstance(shown[-1], VBox):
            missing += 1
            control.value = back
        elif move > 1:  # the first ones compile and import
            times.append(spent)
    return times, missing


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--moves", type=int, default=30)
    parser.add_argument("--only", nargs="*", default=[], help="notebooks")
    options = parser.parse_args()
    os.environ.pop("COMPANION_RUN", None)
    panel.display = lambda _: None
    print(
        f"{'notebook':30s} drawn missing | CPU median  95 %  worst | elapsed median  worst  (goal {GOAL} s)"
    )
    for notebook, explorer, given in explorers():
        if options.only and notebook not in options.only:
            continue
        times, missing = measured(explorer(**given), options.moves, np.random.default_rng(0))
        if not times:
            print(f"{notebook:30s} {0:5d} {missing:7d} | nothing stored")
            continue
        cpu, wall = np.array(times).T
        print(
            f"{notebook:30s} {len(times):5d} {missing:7d} | {np.median(cpu):10.2f} {np.quantile(cpu, 0.95):5.2f} "
            f"{cpu.max():6.2f} | {np.median(wall):14.2f} {wall.max():6.2f}",
            flush=True,
        )
    print(f"load {', '.join(f'{each:.1f}' for each in os.getloadavg())}")


if __name__ == "__main__":
    main()
