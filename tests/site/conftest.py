"""A project on disk with figures, verdicts and runs, as the rest of the package would have left it."""

import base64
import json
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import pytest
from matplotlib.figure import Figure
from nbformat import v4

KEY = "3f" * 16


@lru_cache(maxsize=1)
def small_png() -> bytes:
    """A real PNG, 60 by 40 pixels."""
    drawing = Figure(figsize=(0.6, 0.4), dpi=100)
    drawing.subplots().plot([0, 1], [1, 0])
    buffer = BytesIO()
    drawing.savefig(buffer, format="png")
    return buffer.getvalue()


class SmallProject:
    """Adds to a project under ``root`` what figures, claims and runs leave there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, content: Any) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            text = content if isinstance(content, str) else json.dumps(content)
            path.write_text(text, encoding="utf-8")
        return path

    def figure(self, identifier: str = "p1_f1_losses", profile: str = "laptop", **changes: Any) -> None:
        pdf = changes.pop("pdf", True)
        record = {
            "id": identifier,
            "title": "Losses at $K = 10$",
            "caption": "Endpoints of descent. Lines: theory.",
            "equation": r"L = \frac{1}{2}",
            "claims": [],
            "notebook": "p1_relu_landscape",
            "profile": profile,
            "parameters": {"seed": 3, "students": [8, 10]},
            "data_key": KEY,
            "data_function": "basin_census",
            "data_digest": "ab" * 32,
            "keys": [KEY],
            "seed": 3,
            "device": "cpu",
        }
        stem = f"figures/{profile}/{identifier}"
        self.write(f"{stem}.json", record | changes)
        self.write(f"{stem}.png", small_png())
        self.write(f"{stem}.csv", "a,b\n1,2\n")
        if pdf:
            self.write(f"{stem}.pdf", b"%PDF-1.4")

    def claims(self, profile: str = "laptop", **entries: dict[str, Any]) -> None:
        self.write(f"figures/{profile}/claims.json", entries)

    def run(self, notebook: str = "p1_relu_landscape", profile: str = "laptop", **changes: Any) -> None:
        record = {
            "notebook": notebook,
            "parameters": {"seed": 3, "students": [8, 10]},
            "origins": {"seed": "--set", "students": f"params/{notebook}/{profile}.yaml:4"},
            "keys": {KEY: "basin_census"},
            "figures": ["p1_f1_losses"],
            "claims": [],
            "device": "cpu",
            "seconds": 83.2,
            "finished": 1790000000.0,
            "environment": {"commit": "0123abcd+changes", "host": "node12", "versions": {"numpy": "2.4.6"}},
        }
        self.write(f"build/runs/{profile}/{notebook}.record.json", record | changes)

    def notebook(self, *cells: Any, name: str = "p1_relu_landscape", profile: str = "laptop") -> Path:
        """An executed notebook."""
        path = self.root / "build" / "runs" / profile / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(v4.new_notebook(cells=list(cells)), path)
        return path

    def text(self, source: str) -> Any:
        """A Markdown cell."""
        return v4.new_markdown_cell(source)

    def code(self, source: str, *outputs: Any, tags: tuple[str, ...] = ()) -> Any:
        """An executed code cell."""
        return v4.new_code_cell(
            source, metadata={"tags": list(tags)}, outputs=list(outputs), execution_count=1
        )

    def shown(self, **data: str) -> Any:
        """An output with one representation per keyword; ``__`` stands for the slash of its type."""
        return v4.new_output(
            "display_data", data={kind.replace("__", "/"): text for kind, text in data.items()}
        )

    def drawing(self) -> Any:
        """An output that is an image."""
        image = base64.b64encode(small_png()).decode()
        return self.shown(image__png=image, text__plain="<Figure>")

    def claim(self, identifier: str = "p1_c1_minima", **changes: Any) -> dict[str, Any]:
        """An entry of claims.json."""
        entry = {
            "id": identifier,
            "statement": "At $K = M$ the endpoints are known.",
            "quantity": "share of endpoints",
            "criterion": "lower bound $\\ge 0.95$",
            "version": 1,
            "digest": "aa",
            "source": "2604.09412",
            "note": "",
            "figure": "p1_f1_losses",
            "deterministic": False,
            "expected": "holds",
            "profile": "laptop",
            "deciding_profile": "laptop",
            "decides": True,
            "verdict": "holds",
            "value": 0.99,
            "interval": [0.97, 1.0],
            "value_text": "",
            "replicates": 412,
            "root_seed": 3,
            "seeds": "exploratory",
            "regimes": [],
            "notes": [],
        }
        return entry | changes

    def regime(
        self, verdict: str, expected: str = "fails", description: str = "a loose tolerance"
    ) -> dict[str, Any]:
        """What was found in a registered regime."""
        return {
            "name": description.replace(" ", "_"),
            "description": description,
            "expected": expected,
            "verdict": verdict,
            "value_text": "",
        }


@pytest.fixture(scope="session")
def new_project() -> type[SmallProject]:
    """Makes projects in folders that a test names."""
    return SmallProject


@pytest.fixture
def small_project(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path)
