"""Text notebooks for papermill: ``papermill jupytext://notebooks/tour.py out.ipynb``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from companion.settings import notebook_formats

# papermill loads this module whenever it is imported, so nothing slow stands at the top.
if TYPE_CHECKING:
    from nbformat import NotebookNode

SCHEME = "jupytext://"

_KERNEL = {"name": "python3", "language": "python", "display_name": "Python 3"}


def read_node(path: Path) -> "NotebookNode":
    """The text notebook at ``path`` as a notebook object that names its kernel and language.

    Cells are called by their place, so that two readings of one file are equal.
    """
    notebook_formats.prepare()
    import jupytext

    node = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    node.metadata["kernelspec"] = dict(_KERNEL)
    node.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(node.cells):
        cell["id"] = f"cell-{number}"
    return node


class JupytextHandler:
    """papermill's way in for addresses like ``jupytext://notebooks/tour.py``; it reads and never writes."""

    @staticmethod
    def read(path: str) -> str:
        """The notebook as JSON text.

        The kernel that papermill then starts is told that nobody sits before it, so that explorers stay closed:
        cells with widgets now and then never end there (nbclient's issue 312).
        """
        import nbformat

        os.environ.setdefault("COMPANION_RUN", "1")
        return nbformat.writes(read_node(_file(path)))

    @staticmethod
    def listdir(path: str) -> list[str]:
        """The text notebooks in a folder, as addresses."""
        return sorted(SCHEME + file.as_posix() for file in _file(path).glob("*.py"))

    @staticmethod
    def write(buf: str, path: str) -> None:
        """Refused: an executed notebook is not text. Raises ValueError with the way out."""
        raise ValueError(f"{path}: a run is written as .ipynb; give an output path that ends in .ipynb")

    @staticmethod
    def pretty_path(path: str) -> str:
        """The address as papermill's log shows it."""
        return path


def _file(address: str) -> Path:
    return Path(address.removeprefix(SCHEME))
