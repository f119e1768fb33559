"""Notebooks read like short papers: story here, science in the library, every figure cell tagged."""

import ast
import re
from pathlib import Path

import pytest

from companion.settings.notebook import list_notebooks, read_notebook

ROOT = Path(__file__).parents[2]
NOTEBOOKS = list_notebooks(ROOT / "notebooks")
_WORKS = re.compile(r"(companion\.(studies|figures|claims)|own\.\w+\.(study|figures|claims))\b")
# Tables of all verdicts, roots, the saving itself (tested by its id) and descriptions of runs belong to no one figure.
_WORKS_FOR_NONE = re.compile(r"companion\.(claims\.(register|protocol)|figures\.save|studies\.\w+_recipes)\b")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return read_notebook(request.param)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.kind == "code"]


def test_there_are_notebooks():
    assert NOTEBOOKS


def test_a_notebook_is_short_and_begins_with_its_question(notebook):
    assert len(notebook.path.read_text(encoding="utf-8").splitlines()) <= 250
    assert notebook.cells[0].kind == "markdown"
    assert "?" in notebook.cells[0].source


def test_cells_are_short_and_define_nothing(notebook):
    for cell in code_cells(notebook):
        statements = ast.parse(cell.source).body
        assert not [
            s for s in statements if isinstance(s, ast.FunctionDef | ast.ClassDef | ast.For | ast.While)
        ]
        if "parameters" not in cell.tags:
            assert len(statements) <= 6 or all(isinstance(s, ast.Import | ast.ImportFrom) for s in statements)


def test_what_a_cell_saves_is_what_it_is_tagged_with(notebook):
    for cell in code_cells(notebook):
        for call in (node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id == "save":
                assert isinstance(call.args[0], ast.Constant)
                assert call.args[0].value in cell.tags


def names_that_work(notebook):
    """Names that its imports bind to studies, figures and claims, or to something in them."""
    bound = {}
    for node in (node for cell in code_cells(notebook) for node in ast.walk(ast.parse(cell.source))):
        if isinstance(node, ast.ImportFrom):
            bound |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            bound |= {name.asname: name.name for name in node.names if name.asname}
    return {
        name for name, origin in bound.items() if _WORKS.match(origin) and not _WORKS_FOR_NONE.match(origin)
    }


def test_a_cell_that_studies_or_draws_is_tagged(notebook):
    if not notebook.figure_ids:
        return  # it saves no figure, as the tour: `--only` never runs a part of it
    working = names_that_work(notebook)
    assert working
    for cell in code_cells(notebook):
        used = {node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)}
        if used & working:
            assert cell.figure_ids, cell.source


@pytest.mark.parametrize(
    "path",
    [path for path in NOTEBOOKS if path.stem == "tour" or path.stem[:2] in ("p1", "p2", "p3", "e4")],
    ids=lambda path: path.stem,
)
def test_a_notebook_of_a_paper_ends_with_its_explorer(path):
    *_, last = code_cells(read_notebook(path))
    (call,) = (each.value for each in ast.parse(last.source).body)
    assert isinstance(call, ast.Call)
    called = ast.unparse(call.func)
    assert called == "tour.tables" if path.stem == "tour" else called.endswith("explorer")


def test_links_lead_to_text_notebooks_that_are_there(notebook):
    targets = re.findall(r"\]\(([^):]+)\)", "".join(cell.source for cell in notebook.cells))
    assert [target for target in targets if not (notebook.path.parent / target).is_file()] == []


def test_the_tour_leads_to_every_family():
    tour = (ROOT / "notebooks" / "tour.py").read_text(encoding="utf-8")
    families = ("p1", "p2_random", "p2_unet", "p3", "e4")
    linked = set(re.findall(r"\]\((\w+)\.py\)", tour))
    assert all(any(name.startswith(family) for name in linked) for family in families)
