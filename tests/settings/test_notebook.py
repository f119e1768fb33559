from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import jupytext
import nbformat
import pytest

from companion.session.root import project_root
from companion.settings.notebook import (
    Notebook,
    is_figure_id,
    list_notebooks,
    read_notebook,
    without_figures_other_than,
)
from companion.settings.problems import SettingsError

PARAMETERS = """\
# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file
device: Device = "auto"  # where
cluster: Cluster = "inline"  # who
seed: Seed = 7  # root seed
"""

TRACKED = list_notebooks(project_root() / "notebooks")


def write_and_read(folder: Path, text: str) -> Notebook:
    path = folder / "written.py"
    path.write_text(text, encoding="utf-8")
    return read_notebook(path)


def first_lines_agree(notebook: Notebook) -> bool:
    """Whether each cell's line is where the first line of its source stands."""
    lines = notebook.text.splitlines()
    return all(
        lines[cell.line - 1].lstrip("# ") == cell.source.splitlines()[0].lstrip("# ")
        for cell in notebook.cells
        if cell.source.strip()
    )


def test_cells_tags_and_lines(notebook):
    assert [(cell.kind, cell.line, cell.tags) for cell in notebook.cells] == [
        ("markdown", 2, ()),
        ("code", 7, ()),
        ("code", 11, ("parameters",)),
        ("code", 22, ()),
        ("markdown", 25, ("p1_f1_loss",)),
        ("code", 28, ("p1_f1_loss", "p1_f2_basins")),
        ("code", 32, ("p1_f2_basins",)),
        ("code", 35, ()),
    ]
    assert notebook.cells[0].source.startswith("# How many minima")
    assert first_lines_agree(notebook)


def test_name_title_and_figures(notebook):
    assert notebook.name == "demo"
    assert notebook.title == "How many minima there are"
    assert notebook.figure_ids == ("p1_f1_loss", "p1_f2_basins")


def test_the_title_of_a_notebook_without_heading_is_its_name(tmp_path):
    assert write_and_read(tmp_path, "# %% [markdown]\n# Text #1.\n\n" + PARAMETERS).title == "written"


def test_the_schema_has_the_lines_of_the_file(notebook):
    assert notebook.schema.names[:4] == ("profile", "device", "cluster", "seed")
    lines = notebook.text.splitlines()
    for parameter in notebook.schema:
        assert lines[parameter.line - 1].startswith(f"{parameter.name}: {parameter.type_name} = ")


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("p1_f1_loss_histogram", True),
        ("p2rf_k4b_exposure_or_support", True),
        ("p2unet_u3_clocks", True),
        ("e4_f5_schedules", True),
        ("parameters", False),
        ("injected-parameters", False),
        ("hide_input", False),
        ("p1_f1", False),
        ("P1_f1_loss", False),
        ("p1_f1_loss histogram", False),
    ],
)
def test_figure_ids_are_told_from_other_tags(tag, expected):
    assert is_figure_id(tag) is expected


def test_only_some_figures_keeps_what_they_share_with_others(notebook):
    def kept(*ids: str) -> list[int]:
        return [cell.line for cell in without_figures_other_than(notebook, ids)]

    assert kept("p1_f1_loss") == [2, 7, 11, 22, 25, 28, 35]
    assert kept("p1_f2_basins") == [2, 7, 11, 22, 28, 32, 35]
    assert kept("p1_f1_loss", "p1_f2_basins") == [cell.line for cell in notebook.cells]
    assert kept() == [2, 7, 11, 22, 35]


def test_list_notebooks_is_sorted_and_leaves_out_private_files_and_modules(project):
    folder = project / "notebooks"
    for name in ("a_tour.py", "_draft.py", "notes.md"):
        (folder / name).write_text("# %%\n", encoding="utf-8")
    (folder / "my_model.py").write_text('"""A model: 50 %% of a notebook."""\nx = 1\n', encoding="utf-8")
    assert [path.name for path in list_notebooks(folder)] == ["a_tour.py", "demo.py"]


HEADER = "# ---\n# title: Own\n# ---\n\n"


@pytest.mark.parametrize(
    "text",
    [
        PARAMETERS,
        "import this_is_unmarked\n\n" + PARAMETERS,
        HEADER + PARAMETERS,
        HEADER + "\n\n" + PARAMETERS,
        "\n" + PARAMETERS,
        HEADER + "import this_is_unmarked\n\n" + PARAMETERS,
        "\n\n# %%\n\n# %%\n# %%\n\n\n" + PARAMETERS + "\n# %%",
        '# %%\ntext = """\n# %% no cell\n"""\n\n' + PARAMETERS + '\n# %% A name tags=["a"]\n\n\nx = 1\n',
        '# %% [raw]\n# as it is\n\n# %% [markdown] tags=["parameters"]\n# not this one\n\n' + PARAMETERS,
        PARAMETERS + "\n# %%\n# %matplotlib inline\n# a comment\n\n# %%\nx = 1",
        '# %% editable=true tags=["other", "parameters"]'
        + PARAMETERS.removeprefix('# %% tags=["parameters"]'),
        '# %% {"tags": ["parameters"]}' + PARAMETERS.removeprefix('# %% tags=["parameters"]'),
    ],
)
def test_lines_are_right_whatever_stands_around(tmp_path, text):
    notebook = write_and_read(tmp_path, text)
    assert first_lines_agree(notebook)
    assert text.splitlines()[notebook.schema["seed"].line - 1] == "seed: Seed = 7  # root seed"
    [tagged] = [cell for cell in notebook.cells if "parameters" in cell.tags and cell.kind == "code"]
    assert notebook.schema["profile"].line == tagged.line


SOURCES = st.lists(
    st.sampled_from(
        [
            "x = 1",
            "# a comment",
            "",
            "def f():",
            "    return 2",
            "%timeit f()",
            't = """\n# %% a\n"""',
            "# ---",
        ]
    ),
    max_size=5,
).map("\n".join)


@hypothesis.settings(deadline=None, max_examples=60, derandomize=True)
@hypothesis.given(cells=st.lists(st.tuples(st.booleans(), SOURCES), min_size=1, max_size=5))
def test_every_cell_that_jupytext_writes_has_its_line(tmp_path_factory, cells):
    node = nbformat.v4.new_notebook()
    for is_code, source in cells:
        node.cells.append((nbformat.v4.new_code_cell if is_code else nbformat.v4.new_markdown_cell)(source))
    folder = tmp_path_factory.mktemp("generated")
    text = jupytext.writes(node, fmt="py:percent")
    notebook = write_and_read(folder, text.rstrip("\n") + "\n\n" + PARAMETERS)
    assert first_lines_agree(notebook)
    assert notebook.cells[-1].tags == ("parameters",)
    assert notebook.cells[-1].line == notebook.schema["profile"].line


@pytest.mark.parametrize("path", TRACKED, ids=lambda path: path.stem)
def test_the_project_s_own_notebooks_are_right(path):
    notebook = read_notebook(path)
    assert first_lines_agree(notebook)
    [tagged] = [cell for cell in notebook.cells if "parameters" in cell.tags]
    assert tagged.line <= notebook.schema["profile"].line


def digest(folder: Path, *cells: str) -> str:
    return write_and_read(folder, PARAMETERS + "".join(f"\n# %%{cell}\n" for cell in cells)).code_digest


def test_comments_layout_and_text_do_not_change_the_digest(tmp_path):
    first = digest(tmp_path, "\nx = f(1, 'a')  # first\n", " [markdown]\n# Text")
    second = digest(
        tmp_path, '\n# why\nx = f( 1,\n      "a" )\n', " [markdown]\n# Other text", "\n# only a comment"
    )
    assert first == second
    assert len(first) == 64


@pytest.mark.parametrize(
    "cells",
    [
        ("\nx = 2",),
        ("\nx = '1'",),
        (' tags=["p1_f1_loss"]\nx = 1',),
        ("\nx = 1", "\nx = 1"),
        ("\n%matplotlib inline\nx = 1",),
        ("\n# %matplotlib inline\nx = 1",),
        (),
    ],
)
def test_code_tags_and_magics_change_the_digest(tmp_path, cells):
    assert digest(tmp_path, *cells) != digest(tmp_path, "\nx = 1")


def test_a_default_changes_the_digest_and_its_comment_does_not(tmp_path):
    plain = write_and_read(tmp_path, PARAMETERS).code_digest
    assert write_and_read(tmp_path, PARAMETERS.replace("= 7", "= 8")).code_digest != plain
    assert write_and_read(tmp_path, PARAMETERS.replace("root seed", "the root")).code_digest == plain


def problem_of(folder: Path, text: str):
    with pytest.raises(SettingsError) as caught:
        write_and_read(folder, text)
    [problem] = caught.value.problems
    return problem


def test_no_parameters_cell(tmp_path):
    problem = problem_of(tmp_path, "# %%\nx = 1\n")
    assert problem.message == "has no parameters cell"
    assert problem.file.endswith("written.py")


def test_two_parameters_cells(tmp_path):
    problem = problem_of(tmp_path, PARAMETERS + "\n" + PARAMETERS)
    assert problem.message == "has 2 parameters cells, on lines 2, 8"
    assert problem.line == 8


def test_problems_of_the_cell_name_file_and_line(project):
    path = project / "notebooks" / "demo.py"
    path.write_text("# %%\nimport this\n\n" + PARAMETERS + "a: Cuont = 1  # runs\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_notebook(path)
    [problem] = caught.value.problems
    assert (problem.file, problem.line, problem.name) == ("notebooks/demo.py", 9, "a")


def test_a_missing_notebook_is_a_problem_that_names_the_nearest(project):
    with pytest.raises(SettingsError, match="did you mean `demo`") as caught:
        read_notebook(project / "notebooks" / "dem.py")
    assert caught.value.problems[0].allowed == "demo"


def test_a_file_that_is_no_text_is_a_problem(project):
    path = project / "notebooks" / "demo.py"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"notebooks/demo\.py: cannot be read"):
        read_notebook(path)


def test_a_broken_header_is_a_problem(tmp_path):
    notebook = write_and_read(
        tmp_path, "# ---\n# jupyter:\n#   kernelspec: {name: a}\n# ---\n\n" + PARAMETERS
    )
    with pytest.raises(SettingsError, match="cannot be read as a notebook"):
        _ = notebook.cells
