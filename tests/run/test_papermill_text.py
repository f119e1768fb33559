import json
from pathlib import Path

import nbformat
import pytest

from companion.explore.panel import is_closed
from companion.run.papermill_text import JupytextHandler, read_node


@pytest.fixture(autouse=True)
def nobody_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reading leaves in the environment goes with the test."""
    monkeypatch.setenv("COMPANION_RUN", "")
    monkeypatch.delenv("COMPANION_RUN")


def test_explorers_stay_closed_where_papermill_reads_the_notebook(tiny: Path):
    assert not is_closed()
    JupytextHandler.read("jupytext://notebooks/tiny.py")
    assert is_closed()


def test_a_text_notebook_is_read_as_json_with_kernel_and_language(tiny: Path):
    node = nbformat.reads(JupytextHandler.read("jupytext://notebooks/tiny.py"), as_version=4)
    assert node.metadata.kernelspec == {"name": "python3", "language": "python", "display_name": "Python 3"}
    assert node.metadata.language_info.name == "python"
    assert next(cell.metadata.tags for cell in node.cells if "tags" in cell.metadata) == ["parameters"]


def test_two_readings_are_equal(tiny: Path):
    assert read_node(tiny / "notebooks/tiny.py") == read_node(tiny / "notebooks/tiny.py")


def test_papermill_finds_the_handler_by_its_entry_point(tiny: Path, tmp_path: Path):
    import papermill

    output = tmp_path / "out.ipynb"
    with pytest.warns(UserWarning, match=r"does not end in one of \['.ipynb', '.json'\]"):
        papermill.execute_notebook(
            "jupytext://notebooks/tiny.py",
            output,
            parameters={"numbers": 3},
            prepare_only=True,
            progress_bar=False,
        )
    cells = json.loads(output.read_text())["cells"]
    (injected,) = [cell for cell in cells if "injected-parameters" in cell["metadata"].get("tags", [])]
    assert "".join(injected["source"]) == "# Parameters\nnumbers = 3\n"


def test_a_folder_is_listed_and_writing_is_refused(tiny: Path):
    listed = JupytextHandler.listdir("jupytext://notebooks")
    assert listed == ["jupytext://notebooks/broken.py", "jupytext://notebooks/tiny.py"]
    with pytest.raises(ValueError, match=r"ends in \.ipynb"):
        JupytextHandler.write("{}", "jupytext://notebooks/out.py")
