"""The values that a notebook runs with: its defaults, a profile's file, the command line, all checked.

``resolve_parameters`` is for whoever starts a notebook, ``validate_namespace`` for the notebook itself,
which bare papermill and JupyterLab start without asking.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.settings.notebook import Notebook
from companion.settings.problems import (
    Problem,
    SettingsError,
    did_you_mean,
    listed,
    shown_path,
    shown_value,
)
from companion.settings.schema import parse_quietly
from companion.settings.yaml_text import read_mapping, read_value

#: papermill starts the cell that it injects with this comment.
_INJECTED_MARK = "# Parameters\n"


@dataclass(frozen=True)
class Parameters:
    """Every parameter of a notebook, and where each value comes from.

    ``origins`` says ``default``, ``file:line``, ``--profile`` or ``--set``.
    """

    values: dict[str, Any]
    origins: dict[str, str]


def list_profiles(notebook_name: str, params_folder: Path) -> list[str]:
    """Names of the profiles that a notebook has files for."""
    return sorted(path.stem for path in (params_folder / notebook_name).glob("*.yaml"))


def resolve_parameters(
    notebook: Notebook, profile: str, overrides: Sequence[str] = (), *, params_folder: Path
) -> Parameters:
    """Defaults, then ``params_folder/<notebook>/<profile>.yaml``, then ``name=value`` overrides.

    Raises SettingsError with all that is wrong in file and overrides together.
    """
    parameters, problems = read_parameters(notebook, profile, overrides, params_folder=params_folder)
    if problems:
        raise SettingsError(problems)
    return parameters


def read_parameters(
    notebook: Notebook, profile: str, overrides: Sequence[str] = (), *, params_folder: Path
) -> tuple[Parameters, list[Problem]]:
    """As `resolve_parameters`, with all that is wrong beside the values instead of raised.

    A parameter that a problem names keeps its value as it was given.
    """
    schema = notebook.schema
    values = schema.defaults | {"profile": profile}
    origins = dict.fromkeys(schema.names, "default") | {"profile": "--profile"}
    file_values, file_problems = _read_profile(notebook, profile, params_folder)
    override_values, override_problems = _read_overrides(notebook, overrides)
    for name, (value, origin) in (file_values | override_values).items():
        values[name], origins[name] = value, origin
    return Parameters(values, origins), file_problems + override_problems


def _read_profile(
    notebook: Notebook, profile: str, params_folder: Path
) -> tuple[dict[str, tuple[Any, str]], list[Problem]]:
    """Values of a profile's file with their places, and what is wrong with them."""
    path = params_folder / notebook.name / f"{profile}.yaml"
    file = shown_path(path)
    existing = list_profiles(notebook.name, params_folder)
    if profile not in existing:
        hint = did_you_mean(profile, existing)
        return {}, [Problem(file, None, None, "no such profile", profile, listed(existing), hint)]
    _, misnamed = notebook.schema.check("profile", profile, file, None)
    if misnamed:
        return {}, [misnamed]
    entries, problems = read_mapping(path, file)
    values: dict[str, tuple[Any, str]] = {}
    for name, value, line in entries:
        checked, problem = notebook.schema.check(name, value, file, line)
        if problem is None and name == "profile" and checked != profile:
            hint = "leave it out, or name it as the file"
            problem = Problem(
                file, line, name, "is not the file's own name", shown_value(value), profile, hint
            )
        if problem:
            problems.append(problem)
        values[name] = (checked, f"{file}:{line}")
    return values, sorted(problems, key=lambda problem: problem.line or 0)


def _read_overrides(
    notebook: Notebook, overrides: Sequence[str]
) -> tuple[dict[str, tuple[Any, str]], list[Problem]]:
    """Values given on the command line, and what is wrong with them."""
    values: dict[str, tuple[Any, str]] = {}
    problems: list[Problem] = []
    first_given: dict[str, str] = {}
    for override in overrides:
        place = f"--set {override}"
        name, equals, text = (part.strip() for part in override.partition("="))
        if not equals or not name:
            problems.append(
                Problem(place, None, None, "not an assignment", shown_value(override), "name=value")
            )
            continue
        if name == "profile":
            hint = f"write --profile {text}" if text else "use --profile"
            problems.append(Problem(place, None, name, "cannot be set this way", hint=hint))
            continue
        if name in first_given:
            problems.append(Problem(place, None, name, f"given twice, first as {first_given[name]}"))
        first_given.setdefault(name, place)
        value, problem = read_value(text, place, name)
        if problem is None:
            value, problem = notebook.schema.check(name, value, place, None)
        if problem:
            problems.append(problem)
        values[name] = (value, "--set")
    return values, problems


def validate_namespace(notebook: Notebook, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a running notebook, picked from its variables and checked again, strictly.

    ``namespace`` is the kernel's ``locals()`` right after the parameters cell. Names that papermill
    injected and that the notebook does not have are problems too. Raises SettingsError with all of them.
    """
    place = f"running {shown_path(notebook.path)}"
    schema = notebook.schema
    given = {name: namespace[name] for name in schema.names if name in namespace}
    given |= {name: namespace.get(name) for name in _injected_names(namespace) if name not in schema}
    return schema.validate(given, place)


def _injected_names(namespace: Mapping[str, Any]) -> list[str]:
    """Names assigned by the cell that papermill injected last, from IPython's history of inputs."""
    history = namespace.get("In")
    inputs = [text for text in history if isinstance(text, str)] if isinstance(history, list) else []
    injected = next((text for text in reversed(inputs) if text.startswith(_INJECTED_MARK)), "")
    try:
        statements = parse_quietly(injected).body
    except SyntaxError:
        return []
    targets = [node.targets[0] for node in statements if isinstance(node, ast.Assign)]
    return [target.id for target in targets if isinstance(target, ast.Name)]
