"""Figures reach the reader of a notebook as pictures, in a real kernel too."""

import nbformat
from matplotlib.figure import Figure
from nbclient import NotebookClient

from companion.explore.pictures import picture
from companion.figures.style import figure, styled


def test_a_figure_becomes_a_png_of_its_width():
    shown = picture(Figure(figsize=(2.0, 1.0)))
    assert shown.data.startswith(b"\x89PNG")
    assert int.from_bytes(shown.data[16:20], "big") == 2 * shown.width


def test_a_picture_is_described_by_its_titles():
    drawing = Figure(figsize=(2.0, 1.0))
    drawing.suptitle("two panels")
    for axes, title in zip(drawing.subplots(1, 2), ("loss", ""), strict=True):
        axes.set_title(title)
    assert picture(drawing).alt == "two panels; loss"


def test_a_picture_does_not_depend_on_the_user_s_settings(monkeypatch):
    import matplotlib

    def drawn() -> bytes:
        with styled():
            drawing, axes = figure("column", height=1.0)
            axes.set_title("$R_{km}$")
        return picture(drawing).data

    before = drawn()
    monkeypatch.setitem(matplotlib.rcParams, "mathtext.fontset", "dejavusans")
    assert drawn() == before


_CELL = """
from matplotlib.figure import Figure
from companion.explore import relu_landscape
relu_landscape.view = lambda **knobs: Figure(figsize=(1.0, 1.0))  # what is drawn is tested without a kernel
relu_landscape.explorer()
"""


def test_an_explorer_shows_a_picture_in_a_kernel(monkeypatch):
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(_CELL)])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    widgets = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    (screen,) = (widget["state"] for widget in widgets.values() if widget["model_name"] == "OutputModel")
    assert ["image/png" in output["data"] for output in screen["outputs"]] == [True]
