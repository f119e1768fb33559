"""YAML 1.2 through ruamel, with the line of each entry, and problems in place of exceptions."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from companion.settings.problems import Problem, shown_value

Entry = tuple[str, Any, int]
"""Name, value, and the line (from 1) on which the name stands."""

_FORM = "name: value, one a line"


def read_mapping(path: Path, file: str) -> tuple[list[Entry], list[Problem]]:
    """Entries of the mapping in a YAML file, in order, and whatever is wrong with it as YAML.

    ``file`` is the name used in problems. Of entries with one name only the first is returned, and the
    others are problems; an empty file has no entries and no problems.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [], [Problem(file, None, None, f"cannot be read: {error}")]
    loader = _loader()
    try:
        root = loader.compose(text)
    except YAMLError as error:
        return [], [_syntax_problem(error, file)]
    if root is None:
        return [], []
    if not isinstance(root, MappingNode):
        line = _line(root)
        given = {"sequence": "a list", "scalar": "a single value"}.get(root.id, root.id)
        return [], [Problem(file, line, None, "not a mapping of names to values", given, _FORM)]
    return _read_entries(loader, root, file)


def read_value(text: str, place: str, name: str) -> tuple[Any, Problem | None]:
    """Value of a piece of YAML such as ``3``, ``1e-3`` or ``[6, 8]``; ``place`` is named in the problem."""
    loader = _loader()
    try:
        root = loader.compose(text)
        return (None if root is None else _value(loader, root)), None
    except (YAMLError, ValueError) as error:
        return None, Problem(place, None, name, _reason(error), shown_value(text), "a YAML value")


def _loader() -> YAML:
    return YAML(typ="safe", pure=True)


def _read_entries(loader: YAML, root: MappingNode, file: str) -> tuple[list[Entry], list[Problem]]:
    entries: list[Entry] = []
    problems: list[Problem] = []
    first_lines: dict[str, int] = {}
    for key, node in root.value:
        line = _line(key)
        if not isinstance(key, ScalarNode):
            problems.append(Problem(file, line, None, "a name must be a word", None, _FORM))
            continue
        name = str(key.value)
        try:
            value = _value(loader, node)
        except (YAMLError, ValueError) as error:
            problems.append(Problem(file, line, name, _reason(error), None, "a plain YAML value"))
            first_lines.setdefault(name, line)
            continue
        if name in first_lines:
            message = f"given twice, first on line {first_lines[name]}"
            problems.append(
                Problem(file, line, name, message, shown_value(value), hint="keep one of the two")
            )
            continue
        first_lines[name] = line
        entries.append((name, value, line))
    return entries, problems


def _value(loader: YAML, node: Node) -> Any:
    return loader.constructor.construct_object(node, deep=True)


def _line(node: Node) -> int:
    return node.start_mark.line + 1


def _syntax_problem(error: YAMLError, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark is not None else None
    return Problem(file, line, None, _reason(error))


def _reason(error: Exception) -> str:
    """What YAML has against it, in one line."""
    if isinstance(error, MarkedYAMLError):
        reason = "; ".join(part for part in (error.context, error.problem) if part)
    else:
        reason = str(error)
    return "not valid YAML: " + reason.splitlines()[0]
