"""A notebook's cells with its stored calls only noted: what a run would compute, found within seconds.

``python -m companion.run.rehearsal SPEC.json`` does this for several notebooks in one process of its own, which
imports what they import, and writes beside it what was found and what such work has cost.
"""

import ast
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from companion.compute.compiled import not_compiled
from companion.session.files import write_json
from companion.settings.notebook import PARAMETERS_TAG, Cell, read_notebook, without_figures_other_than
from companion.store.artefacts import store_roots
from companion.store.calibration import as_json, rates, samples
from companion.store.fingerprint import closure
from companion.store.foresight import Absent, Call, NotComputed, foreseeing

#: Rooms whose functions draw, judge or show: in a rehearsal only their arguments matter.
_SILENT = ("companion.figures", "companion.claims", "companion.explore")


@dataclass
class Rehearsal:
    """What a notebook would call, and the statements that failed for another reason than a missing result."""

    calls: list[Call] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class _Stage:
    """The notebook's names, and those of them that depend on results which are not there."""

    namespace: dict[str, Any]
    calls: list[Call]
    absent: set[str] = field(default_factory=set)


def rehearse(cells: Sequence[Cell], parameters: dict[str, Any], *, anew: bool = False) -> Rehearsal:
    """Execute ``cells`` with ``parameters`` in this process, statement by statement; no stored call is computed.

    A statement that needs a number of a result is left out, and the names that it would set are absent to those
    that follow. With ``anew`` nothing counts as stored.
    """
    found = Rehearsal()
    with foreseeing(anew=anew) as found.calls:
        stage = _Stage({"__name__": "__main__"}, found.calls)
        for number, cell in enumerate(cells):
            if cell.kind != "code":
                continue
            try:
                statements = ast.parse(cell.source).body
            except SyntaxError as error:  # a magic line, say
                found.problems.append(f"cell {number}: {type(error).__name__}: {error}")
                continue
            for statement in statements:
                problem = _perform(statement, stage)
                if problem:
                    found.problems.append(f"cell {number}, line {statement.lineno}: {problem}")
            if PARAMETERS_TAG in cell.tags:
                stage.namespace |= parameters
    return found


def _perform(statement: ast.stmt, stage: _Stage) -> str:
    """Execute one statement; what went wrong, if it was not a missing result."""
    names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
    met, problem = len(stage.calls), ""
    try:
        for part in _parts(statement, stage.namespace):
            code = compile(ast.fix_missing_locations(part), "<notebook>", "exec")
            exec(code, stage.namespace)
        failed = False
    except NotComputed:
        failed = True
    except Exception as error:
        failed = True
        problem = f"{type(error).__name__}: {error}"
    depends = len(stage.calls) > met or any(node.id in stage.absent for node in names)
    targets = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    if depends or failed:
        stage.absent |= targets
    if failed:
        stage.namespace |= dict.fromkeys(targets, Absent())
    return "" if depends else problem


def _parts(statement: ast.stmt, namespace: dict[str, Any]) -> Iterator[ast.Module]:
    """The statement itself, or only the arguments of a call that draws, judges or shows."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not _is_silent(call.func, namespace):
        yield ast.Module([statement], [])
        return
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        inner = ast.copy_location(ast.Expr(argument), statement)
        yield from _parts(inner, namespace)


def _is_silent(function: ast.expr, namespace: dict[str, Any]) -> bool:
    if isinstance(function, ast.Attribute):
        holder = function.value
        owner = namespace.get(holder.id) if isinstance(holder, ast.Name) else None
        return getattr(owner, "__name__", "").startswith(_SILENT)
    named = namespace.get(function.id) if isinstance(function, ast.Name) else None
    return (getattr(named, "__module__", None) or "").startswith(_SILENT)


@dataclass
class Part:
    """One function's share of a study: results that are there, those that are not, and the work of these."""

    function: str
    device: str
    stored: int = 0
    missing: int = 0
    work: float = 0.0
    largest: float = 0.0
    disk: float = 0.0
    joins: bool = False
    """Whether it makes stored calls itself."""
    kernels: list[str] = field(default_factory=list)
    """Modules of kernels that must be compiled first."""


def studies(calls: Sequence[Call], counted: set[str]) -> list[dict[str, Any]]:
    """Each call of a notebook with its parts; results and kernels already in ``counted`` cost nothing again."""
    found: dict[str, dict[str, Any]] = {}
    for call in calls:
        study = found.setdefault(call.function, {"study": call.function, "parts": {}, "problems": []})
        for each in _walk(call):
            if each.problem:
                study["problems"].append(f"{each.function}: {each.problem}")
            if each.key in counted:
                continue
            if each.key:
                counted.add(each.key)
            name = f"{each.function} {each.device}"
            part = study["parts"].setdefault(name, Part(each.function, each.device))
            part.joins = part.joins or bool(each.inner)
            if each.stored:
                part.stored += 1
                continue
            part.missing += 1
            part.work += each.work
            part.largest = max(part.largest, each.work)
            part.disk += each.disk
            new = [name for name in _kernels(each.module) if name not in counted]
            part.kernels += new
            counted.update(new)
    for study in found.values():
        study["parts"] = [asdict(part) for part in study["parts"].values()]
        study["problems"] = list(dict.fromkeys(study["problems"]))
    return list(found.values())


@lru_cache
def _kernels(module: str) -> list[str]:
    """Modules of kernels that ``module`` reaches and that have never been compiled here."""
    return not_compiled(closure([module])) if module in sys.modules else []


def _walk(call: Call) -> Iterator[Call]:
    yield call
    for inner in call.inner:
        yield from _walk(inner)


def main(spec_file: str) -> None:
    """Rehearse the notebooks that the JSON file ``spec_file`` names; write what was found to the file it names.

    Without notebooks, rates of all functions that have results are told.
    """
    spec = json.loads(Path(spec_file).read_text(encoding="utf-8"))
    counted: set[str] = set()
    notebooks = []
    for each in spec["notebooks"]:
        notebook = read_notebook(Path(each["path"]))
        cells = without_figures_other_than(notebook, each["only"]) if each["only"] else notebook.cells
        found = rehearse(cells, each["parameters"], anew=spec["anew"])
        notebooks.append(
            {"notebook": each["name"], "studies": studies(found.calls, counted), "problems": found.problems}
        )
    functions = {
        part["function"] for book in notebooks for study in book["studies"] for part in study["parts"]
    }
    measured = rates(samples(store_roots(), functions if notebooks else None))
    write_json(Path(spec["result"]), {"notebooks": notebooks, "rates": as_json(measured)})


if __name__ == "__main__":
    main(sys.argv[1])
