"""From the command line to requests: which notebooks, with which parameters, all of it checked first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from companion.run.plan import Request
from companion.session.device import resolve_device
from companion.session.root import project_root
from companion.settings.notebook import Notebook, list_notebooks, read_notebook
from companion.settings.problems import Problem, SettingsError, did_you_mean, listed
from companion.settings.profiles import Parameters, list_profiles, resolve_parameters

_COMMAND_LINE = "command line"


@dataclass(frozen=True)
class Wishes:
    """What the user asked for, as text."""

    notebooks: Sequence[str] = ()
    profile: str = "laptop"
    overrides: Sequence[str] = ()
    only: Sequence[str] = ()
    device: str | None = None
    cluster: str | None = None


@dataclass(frozen=True)
class Choice:
    """Validated requests, and the notebooks that have no such profile and are left out."""

    requests: tuple[Request, ...]
    left_out: tuple[str, ...]


def params_folder() -> Path:
    """Where the profiles of all notebooks lie."""
    return project_root() / "params"


def find_notebooks(names: Sequence[str] = ()) -> list[Notebook]:
    """The notebooks called ``names``, or all of them: by name, the guided tour last.

    Raises SettingsError with everything wrong in any of them, and for names that do not exist.
    """
    folder = project_root() / "notebooks"
    paths = {path.stem: path for path in list_notebooks(folder)}
    wanted = list(dict.fromkeys(Path(name).stem for name in names)) or list(paths)
    problems = [
        Problem(_COMMAND_LINE, None, None, "no such notebook", name, listed(list(paths)), did_you_mean(name, paths))
        for name in wanted
        if name not in paths
    ]
    if not paths:
        problems = [Problem(str(folder), None, None, "holds no notebook", None, "text notebooks, <name>.py")]
    found = []
    for name in sorted((name for name in wanted if name in paths), key=lambda name: (name == "tour", name)):
        try:
            found.append(read_notebook(paths[name]))
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return found


def choose(wishes: Wishes) -> Choice:
    """The requests that ``wishes`` come to. Raises SettingsError with all that is wrong in them at once."""
    notebooks = find_notebooks(wishes.notebooks)
    problems = _unknown_figures(wishes.only, notebooks)
    if wishes.only:
        notebooks = [notebook for notebook in notebooks if set(notebook.figure_ids) & set(wishes.only)]
    folder = params_folder()
    left_out: tuple[str, ...] = ()
    if not wishes.notebooks:
        profiles = {notebook.name: list_profiles(notebook.name, folder) for notebook in notebooks}
        left_out = tuple(name for name, names in profiles.items() if wishes.profile not in names)
        if notebooks and len(left_out) == len(notebooks):
            known = sorted({name for names in profiles.values() for name in names})
            hint = did_you_mean(wishes.profile, known)
            message = "no notebook has this profile"
            problems.append(Problem("--profile", None, None, message, wishes.profile, listed(known), hint))
        notebooks = [notebook for notebook in notebooks if notebook.name not in left_out]
    shared, more = _shared_overrides(wishes, notebooks)
    problems += more
    requests = []
    for notebook in notebooks:
        overrides = [text for text in shared if _owner_takes(text, notebook, notebooks)]
        try:
            parameters = resolve_parameters(notebook, wishes.profile, overrides, params_folder=folder)
        except SettingsError as error:
            problems += [_as_option(problem, wishes) for problem in error.problems]
            continue
        device, more = _device(notebook, parameters)
        problems += more + _cluster_problems(notebook, parameters)
        only = tuple(name for name in notebook.figure_ids if name in wishes.only)
        requests.append(Request(notebook, _with_origins(parameters, wishes), device, only))
    if problems:
        raise SettingsError(dict.fromkeys(problems))
    return Choice(tuple(requests), left_out)


def _unknown_figures(only: Sequence[str], notebooks: Sequence[Notebook]) -> list[Problem]:
    known = [name for notebook in notebooks for name in notebook.figure_ids]
    return [
        Problem(f"--only {name}", None, None, "no such figure", name, listed(known), did_you_mean(name, known))
        for name in only
        if name not in known
    ]


def _shared_overrides(wishes: Wishes, notebooks: Sequence[Notebook]) -> tuple[list[str], list[Problem]]:
    """The overrides to hand out, and a problem for each that no notebook has a parameter for."""
    handed, problems = [], []
    known = list(dict.fromkeys(name for notebook in notebooks for name in notebook.schema.names))
    for text in wishes.overrides:
        name, equals, value = (part.strip() for part in text.partition("="))
        if equals and name and name not in known and name != "profile":
            hint = did_you_mean(name, known)
            problems.append(
                Problem(f"--set {text}", None, name, "unknown parameter", value, listed(known), hint)
            )
        else:
            handed.append(text)
    handed += [f"{name}={value}" for name, value in _options(wishes).items()]
    return handed, problems


def _owner_takes(text: str, notebook: Notebook, notebooks: Sequence[Notebook]) -> bool:
    """Whether ``notebook`` takes an override: it has the parameter, or it is the one to report a slip."""
    name, equals, _ = (part.strip() for part in text.partition("="))
    if not equals or not name or name == "profile":
        return notebook is notebooks[0]
    return name in notebook.schema


def _options(wishes: Wishes) -> dict[str, str]:
    """Parameters that have an option of their own."""
    given = {"device": wishes.device, "cluster": wishes.cluster}
    return {name: value for name, value in given.items() if value is not None}


def _as_option(problem: Problem, wishes: Wishes) -> Problem:
    for name, value in _options(wishes).items():
        if problem.file == f"--set {name}={value}":
            return replace(problem, file=f"--{name} {value}")
    return problem


def _with_origins(parameters: Parameters, wishes: Wishes) -> Parameters:
    options = {name: f"--{name}" for name in _options(wishes)}
    return replace(parameters, origins=parameters.origins | options)


def _device(notebook: Notebook, parameters: Parameters) -> tuple[str, list[Problem]]:
    try:
        return resolve_device(parameters.values["device"]), []
    except RuntimeError as error:
        return "cpu", [Problem(notebook.name, None, None, str(error))]


def _cluster_problems(notebook: Notebook, parameters: Parameters) -> list[Problem]:
    """A problem if the cluster is neither built in, nor an address, nor described by a file."""
    given, folder = parameters.values["cluster"], params_folder() / "clusters"
    known = ["inline", "local", *sorted(path.stem for path in folder.glob("*.yaml"))]
    if given in known or "://" in given:
        return []
    hint = did_you_mean(given, known)
    place = parameters.origins["cluster"]
    allowed = f"{listed(known)}, or an address like tcp://host:8786"
    return [Problem(f"{notebook.name} ({place})", None, "cluster", "no such cluster", given, allowed, hint)]
