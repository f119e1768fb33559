"""The record of a complete run of a notebook: what it was made from, and what it left."""

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from companion.session.current import figures_folder
from companion.session.files import write_json
from companion.session.root import build_folder
from companion.settings.notebook import Notebook
from companion.store.content import file_digest
from companion.store.fingerprint import closure, combined
from companion.store.imports import imported_names

FIGURE_SUFFIXES = (".pdf", ".png", ".csv", ".json")


def runs_folder(profile: str) -> Path:
    """Where records, executed notebooks and summaries of ``profile`` lie."""
    return build_folder() / "runs" / profile


def overridden_folder(profile: str) -> Path:
    """Where notebooks leave figures, verdicts and themselves that ran with other parameters than the profile's."""
    return build_folder() / "overridden" / profile


def executed_path(profile: str, notebook: str) -> Path:
    """The executed notebook of the last complete run."""
    return runs_folder(profile) / f"{notebook}.ipynb"


def failed_path(profile: str, notebook: str) -> Path:
    """The notebook as the last run left it, if that run failed."""
    return runs_folder(profile) / f"{notebook}.failed.ipynb"


def claims_path(profile: str, notebook: str) -> Path:
    """The verdicts that the notebook recorded in its last run."""
    return runs_folder(profile) / f"{notebook}.claims.json"


def record_path(profile: str, notebook: str) -> Path:
    """The record itself."""
    return runs_folder(profile) / f"{notebook}.record.json"


@dataclass(frozen=True)
class Identity:
    """What a notebook's outcome depends on: its code cells, what they import, parameters, device kind.

    ``text`` (digest of the whole file) and ``imports`` (every name that the cells import) follow from the
    notebook; kept in the record, they spare reading its cells again while the file is the same.
    """

    cells: str
    modules: Mapping[str, str]
    parameters: Mapping[str, Any]
    device: str
    text: str
    imports: tuple[str, ...]

    @property
    def digest(self) -> str:
        """One digest of all that the outcome depends on."""
        parameters = json.dumps([self.parameters, self.device], sort_keys=True)
        return combined(
            {"cells": self.cells, "modules": combined(dict(self.modules)), "parameters": parameters}
        )


def identify(
    notebook: Notebook, parameters: Mapping[str, Any], device: str, known: "Record | None" = None
) -> Identity:
    """Identity of a notebook that runs with ``parameters`` on the device kind ``device``.

    ``known`` is its record, if there is one. Raises SettingsError where its cells cannot be read.
    """
    text = hashlib.sha256(notebook.text.encode()).hexdigest()
    if known is not None and known.text == text:
        cells, imports = known.cells_digest, known.imports
    else:
        code = [cell.source for cell in notebook.cells if cell.kind == "code"]
        cells, imports = (
            notebook.code_digest,
            tuple(sorted({name for source in code for name in _imports(source)})),
        )
    return Identity(
        cells, closure(imports, science_only=False), that_count(parameters), device, text, imports
    )


def _imports(source: str) -> set[str]:
    """Names that a cell imports; lines for IPython, and cells that are no Python, import none."""
    python = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))
    try:
        return imported_names(ast.parse(python), "")
    except SyntaxError:
        return set()


def that_count(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that an outcome depends on: not who works on it, nor how the device was asked for."""
    return {name: value for name, value in parameters.items() if name not in ("cluster", "device")}


@dataclass(frozen=True)
class Record:
    """A complete run of a notebook, as build/runs/<profile>/<notebook>.record.json holds it."""

    notebook: str
    digest: str
    cells_digest: str
    text: str
    imports: tuple[str, ...]
    modules: Mapping[str, str]
    parameters: Mapping[str, Any]
    origins: Mapping[str, str]
    keys: Mapping[str, str]
    figures: tuple[str, ...]
    claims: tuple[str, ...]
    files: Mapping[str, str]
    device: str
    seconds: float
    finished: float
    environment: Mapping[str, Any] = field(default_factory=dict)

    def write(self, profile: str) -> None:
        """Put the record in its place, atomically."""
        write_json(record_path(profile, self.notebook), asdict(self))


def read_record(profile: str, notebook: str) -> Record | None:
    """The record of the last complete run; None where there is none that can be read."""
    try:
        content = json.loads(record_path(profile, notebook).read_text(encoding="utf-8"))
        record = Record(**content)
    except (OSError, ValueError, TypeError):
        return None
    lists = {name: tuple(getattr(record, name)) for name in ("imports", "figures", "claims")}
    return replace(record, **lists)


def left_files(profile: str, notebook: str, figures: Iterable[str]) -> dict[str, Path]:
    """Files whose bytes belong to a complete run, by the name that a reason calls them."""
    folder = figures_folder(profile)
    files = {
        f"figure {name}{suffix}": folder / (name + suffix) for name in figures for suffix in FIGURE_SUFFIXES
    }
    if claims_path(profile, notebook).exists():
        files["the file of verdicts"] = claims_path(profile, notebook)
    return files


def file_digests(files: Mapping[str, Path]) -> dict[str, str]:
    """Content digest of each of ``files`` that exists."""
    return {name: file_digest(path) for name, path in files.items() if path.is_file()}
