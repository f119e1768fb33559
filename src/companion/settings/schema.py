"""The parameters cell of a notebook, read as the schema of its parameter files.

The cell is annotated assignments of literals, each with a comment:

    initialisations: Count = 1000  # runs per network size

It is parsed, never executed; its defaults are held to the same types as the files are.
"""

import ast
import copy
import io
import tokenize
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from companion.settings.problems import Problem, SettingsError, did_you_mean, listed, nearest, shown_value
from companion.settings.types import PARAMETER_TYPES, describe
from companion.settings.values import fit

COMMON_PARAMETERS = {"profile": "Profile", "device": "Device", "cluster": "Cluster", "seed": "Seed"}
"""Parameters that every notebook has, and the type of each."""

_FORM = "name: Type = literal  # comment"

# Types of Python and typing that a newcomer would write, and which of ours was likely meant.
_PYTHON_NAMES = {
    "int": "Count",
    "float": "Positive",
    "bool": "Flag",
    "str": "Text",
    "list": "Counts",
    "List": "Counts",
    "tuple": "Counts",
}


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell."""

    name: str
    type_name: str
    default: Any
    comment: str
    line: int

    @property
    def allowed(self) -> str:
        """Which values it takes, in words."""
        return describe(PARAMETER_TYPES[self.type_name])


@dataclass(frozen=True)
class ParameterSchema:
    """Parameters of one notebook, in the order of its parameters cell."""

    parameters: tuple[Parameter, ...]

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __contains__(self, name: object) -> bool:
        return any(parameter.name == name for parameter in self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order of the cell."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def defaults(self) -> dict[str, Any]:
        """Defaults by name, as copies of one's own."""
        return {parameter.name: copy.deepcopy(parameter.default) for parameter in self.parameters}

    def check(self, name: str, value: object, file: str, line: int | None) -> tuple[Any, Problem | None]:
        """One value, as its type has it, and what is wrong with it if anything is.

        ``file`` and ``line`` say where the value was given.
        """
        if name not in self:
            hint = did_you_mean(name, self.names)
            given, allowed = shown_value(value), listed(self.names)
            return value, Problem(file, line, name, "unknown parameter", given, allowed, hint)
        parameter = self[name]
        fitted, misfit = fit(parameter.type_name, value)
        if misfit is None:
            return fitted, None
        given = shown_value(value)
        return value, Problem(file, line, name, misfit.message, given, parameter.allowed, misfit.hint)

    def validate(self, values: Mapping[str, object], origin: str) -> dict[str, Any]:
        """All parameters, strictly checked, in the order of the cell.

        ``origin`` names the place where the values come from, for messages. Raises SettingsError with
        every unknown name, every value that does not fit and every parameter that is missing.
        """
        checked = {name: self.check(name, value, origin, None) for name, value in values.items()}
        problems = [problem for _, problem in checked.values() if problem]
        problems += [
            Problem(origin, None, parameter.name, "not given", None, parameter.allowed)
            for parameter in self.parameters
            if parameter.name not in values
        ]
        if problems:
            raise SettingsError(problems)
        return {name: checked[name][0] for name in self.names}


def parse_quietly(source: str) -> ast.Module:
    """Syntax tree of ``source``, without the warnings that Python gives on odd escapes in strings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def read_schema(source: str, file: str, line: int) -> ParameterSchema:
    """Schema from the source of a parameters cell whose first line is line ``line`` of ``file``.

    Raises SettingsError with everything in the cell that is not as it should be.
    """
    try:
        tree = parse_quietly(source)
    except SyntaxError as error:
        where = line + (error.lineno or 1) - 1
        message = f"the parameters cell is not valid Python: {error.msg}"
        raise SettingsError([Problem(file, where, None, message, allowed=_FORM)]) from None
    comments = _comments(source)
    parameters: dict[str, Parameter] = {}
    problems: list[Problem] = []
    for statement in tree.body:
        where = line + statement.lineno - 1
        parameter, found = _read_statement(statement, comments, file, where)
        problems += found
        if parameter and parameter.name in parameters:
            first = parameters[parameter.name].line
            problems.append(Problem(file, where, parameter.name, f"given twice, first on line {first}"))
        elif parameter:
            parameters[parameter.name] = parameter
    problems += _common_problems(parameters, tree, file, line)
    if problems:
        raise SettingsError(sorted(problems, key=lambda problem: problem.line or 0))
    return ParameterSchema(tuple(parameters.values()))


def _comments(source: str) -> dict[int, str]:
    """Text of the comment on each line that has code before it, by line (from 1)."""
    comments: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
            comments[token.start[0]] = token.string.lstrip("#").strip()
    return comments


def _read_statement(
    statement: ast.stmt, comments: Mapping[int, str], file: str, line: int
) -> tuple[Parameter | None, list[Problem]]:
    """One statement as a parameter; None where too much is wrong to tell its name."""
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        name = statement.targets[0].id
        likely = COMMON_PARAMETERS.get(name) or _likely_type(statement.value) or "Type"
        hint = f"write `{name}: {likely} = {ast.unparse(statement.value)}  # what it is`"
        return None, [
            Problem(file, line, name, "has no type", allowed=listed(list(PARAMETER_TYPES)), hint=hint)
        ]
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        message = "only parameters belong in this cell"
        return None, [Problem(file, line, None, message, _first_line(statement), _FORM)]
    name = statement.target.id
    problems: list[Problem] = []
    comment = comments.get(statement.end_lineno or 0) or comments.get(statement.lineno) or ""
    if not comment:
        problems.append(
            Problem(file, line, name, "has no comment", hint="say after # what it is, with its unit")
        )
    type_name = ast.unparse(statement.annotation)
    known = type_name in PARAMETER_TYPES
    if not known:
        problems.append(_unknown_type(name, type_name, statement, file, line))
    default, literal_problem = _literal(name, statement.value, file, line)
    if literal_problem:
        problems.append(literal_problem)
    elif known:
        allowed = describe(PARAMETER_TYPES[type_name])
        given = default
        default, misfit = fit(type_name, given)
        if misfit:
            message = f"default: {misfit.message}"
            problems.append(Problem(file, line, name, message, shown_value(given), allowed, misfit.hint))
    return Parameter(name, type_name, default, comment, line), problems


def _literal(name: str, node: ast.expr | None, file: str, line: int) -> tuple[Any, Problem | None]:
    """Value of a literal, or the problem that it is none."""
    if node is None:
        return None, Problem(file, line, name, "has no default", allowed=_FORM)
    try:
        return ast.literal_eval(node), None
    except (ValueError, TypeError, SyntaxError):
        hint = "write the value itself: the cell is read, not executed"
        return None, Problem(file, line, name, "default is not a literal", ast.unparse(node), _FORM, hint)


def _unknown_type(name: str, type_name: str, statement: ast.AnnAssign, file: str, line: int) -> Problem:
    head = type_name.split("[")[0].rsplit(".", 1)[-1]
    if name in COMMON_PARAMETERS:
        likely = COMMON_PARAMETERS[name]
    elif head in _PYTHON_NAMES:
        likely = _likely_type(statement.value) or _PYTHON_NAMES[head]
    else:
        likely = nearest(head, PARAMETER_TYPES) or _likely_type(statement.value)
    hint = f"did you mean `{likely}`?" if likely else None
    allowed = listed(list(PARAMETER_TYPES))
    return Problem(file, line, name, "unknown type", type_name, allowed, hint)


def _likely_type(node: ast.expr | None) -> str:
    """Name of the type that a literal most likely has, by its value; empty when it is no literal."""
    try:
        value = ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError, SyntaxError):
        return ""
    candidates = ("Flag", "Count", "Natural", "Integer", "Positive", "NonNegative", "Number", "Text")
    lists = ("Counts", "Naturals", "Positives", "NonNegatives", "Numbers", "Texts")
    value = list(value) if isinstance(value, tuple) else value
    return next((kind for kind in candidates + lists if fit(kind, value)[1] is None), "")


def _common_problems(
    parameters: Mapping[str, Parameter], tree: ast.Module, file: str, line: int
) -> list[Problem]:
    """Common parameters that are missing or have another type."""
    written = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    problems: list[Problem] = []
    for name, type_name in COMMON_PARAMETERS.items():
        if name not in written:
            hint = f"every notebook has {listed(list(COMMON_PARAMETERS))}"
            allowed = f"{name}: {type_name} = ...  # comment"
            problems.append(Problem(file, line, name, "missing", None, allowed, hint))
        elif name in parameters and parameters[name].type_name in PARAMETER_TYPES.keys() - {type_name}:
            given = parameters[name].type_name
            where = parameters[name].line
            problems.append(
                Problem(file, where, name, "has another type in every notebook", given, type_name)
            )
    return problems


def _first_line(node: ast.stmt) -> str:
    return ast.unparse(node).splitlines()[0]
