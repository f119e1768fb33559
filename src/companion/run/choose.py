"""From the command line to requests: which notebooks, with which parameters, all of it checked first."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from companion.run.plan import Request, parameter_changes
from companion.run.record import that_count
from companion.run.time_limit import time_limit_problems
from companion.session.device import resolve_device
from companion.session.root import project_root
from companion.settings.cluster_file import cluster_files, read_cluster_file
from companion.settings.notebook import Notebook, list_notebooks, read_notebook
from companion.settings.problems import Problem, SettingsError, did_you_mean, listed, shown_value
from companion.settings.profiles import list_profiles, read_parameters, resolve_parameters
from companion.settings.types import Profile, describe
from companion.settings.values import fit
from companion.store.artefacts import GROUP_VARIABLE, OWN_VARIABLE, store_roots


@dataclass(frozen=True)
class Wishes:
    """What the user asked for, as text."""

    notebooks: Sequence[str] = ()
    profile: str = "laptop"
    overrides: Sequence[str] = ()
    only: Sequence[str] = ()
    device: str | None = None
    cluster: str | None = None
    time_limit: str | None = None


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
    found, problems = _find(names)
    if problems:
        raise SettingsError(problems)
    return found


def _find(names: Sequence[str]) -> tuple[list[Notebook], list[Problem]]:
    folder = project_root() / "notebooks"
    paths = {path.stem: path for path in list_notebooks(folder)}
    if not paths:
        return [], [Problem(str(folder), None, None, "holds no notebook", None, "text notebooks, <name>.py")]
    found, problems = [], []
    wanted = {Path(name).stem for name in names} or set(paths)
    for name in sorted(wanted, key=lambda name: (name == "tour", name)):
        try:
            found.append(read_notebook(folder / f"{name}.py"))
        except SettingsError as error:
            problems += error.problems
    return found, problems


def choose(wishes: Wishes) -> Choice:
    """The requests that ``wishes`` come to. Raises SettingsError with all that is wrong in them at once."""
    of_options = _device_problems(wishes.device, wishes.cluster or "local", "--device")
    of_options += _cluster_problems(wishes.cluster, "--cluster") + _store_problems()
    of_options += time_limit_problems(wishes.time_limit)
    if misfit := fit("Profile", wishes.profile)[1]:
        given, allowed = shown_value(wishes.profile), describe(Profile)
        wrong = Problem("--profile", None, None, misfit.message, given, allowed, misfit.hint)
        raise SettingsError([wrong, *of_options])
    notebooks, problems = _find(wishes.notebooks)
    if not problems:  # what a notebook that cannot be read would take is not known
        problems += _unknown_overrides(wishes, notebooks)
        unknown = _unknown_figures(wishes.only, notebooks) if wishes.only else []
        if wishes.only and not unknown:
            notebooks = [notebook for notebook in notebooks if set(notebook.figure_ids) & set(wishes.only)]
        problems += unknown
    problems += of_options
    left_out: list[str] = []
    if not wishes.notebooks:
        left_out = [book.name for book in notebooks if wishes.profile not in _profiles(book)]
        if notebooks and len(left_out) == len(notebooks):
            problems.append(_no_profile(wishes.profile, notebooks))
        notebooks = [notebook for notebook in notebooks if notebook.name not in left_out]
    requests = []
    for notebook in notebooks:
        try:
            requests.append(_request(notebook, wishes, is_first=notebook is notebooks[0]))
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(dict.fromkeys(problems))
    return Choice(tuple(requests), tuple(left_out))


def _request(notebook: Notebook, wishes: Wishes, *, is_first: bool) -> Request:
    """The validated request for one notebook. Raises SettingsError."""
    overrides = [text for text in wishes.overrides if _takes(notebook, text, is_first=is_first)]
    options = {"device": wishes.device, "cluster": wishes.cluster}
    given = {name: value for name, value in options.items() if value is not None}
    overrides += [f"{name}={value}" for name, value in given.items()]
    folder = params_folder()
    parameters, found = read_parameters(notebook, wishes.profile, overrides, params_folder=folder)
    origins = parameters.origins | {name: f"--{name}" for name in given}
    values = parameters.values
    misnamed = {problem.name for problem in found}
    problems = [_as_option(problem, given) for problem in found]
    if "device" not in misnamed:
        problems += _device_problems(values["device"], values["cluster"], origins["device"])
    if "cluster" not in misnamed:
        problems += _cluster_problems(values["cluster"], origins["cluster"])
    if problems:
        raise SettingsError(problems)
    usual = resolve_parameters(notebook, wishes.profile, params_folder=folder).values
    only = tuple(name for name in notebook.figure_ids if name in wishes.only) if wishes.only else ()
    return Request(
        notebook,
        replace(parameters, origins=origins),
        resolve_device(values["device"], values["cluster"]),
        only,
        tuple(parameter_changes(that_count(usual), that_count(values))),
    )


def _profiles(notebook: Notebook) -> list[str]:
    return list_profiles(notebook.name, params_folder())


def _no_profile(profile: str, notebooks: Sequence[Notebook]) -> Problem:
    known = sorted({name for notebook in notebooks for name in _profiles(notebook)})
    hint = did_you_mean(profile, known)
    return Problem("--profile", None, None, "no notebook has this profile", profile, listed(known), hint)


def _takes(notebook: Notebook, override: str, *, is_first: bool) -> bool:
    """Whether a notebook has the parameter; a slip in the assignment itself is the first one's to report."""
    name, equals, _ = (part.strip() for part in override.partition("="))
    return is_first if not equals or not name or name == "profile" else name in notebook.schema


def _unknown_figures(only: Sequence[str], notebooks: Sequence[Notebook]) -> list[Problem]:
    known = [name for notebook in notebooks for name in notebook.figure_ids]
    return [
        Problem(
            f"--only {name}", None, None, "no such figure", name, listed(known), did_you_mean(name, known)
        )
        for name in only
        if name not in known
    ]


def _unknown_overrides(wishes: Wishes, notebooks: Sequence[Notebook]) -> list[Problem]:
    """A problem for each ``--set`` that no notebook has a parameter for."""
    known = list(dict.fromkeys(name for notebook in notebooks for name in notebook.schema.names))
    problems = []
    for override in wishes.overrides:
        name, equals, value = (part.strip() for part in override.partition("="))
        if equals and name and name not in known:
            hint, place = did_you_mean(name, known), f"--set {override}"
            problems.append(Problem(place, None, name, "unknown parameter", value, listed(known), hint))
    return problems


def _as_option(problem: Problem, given: Mapping[str, str]) -> Problem:
    """The problem under the option that the user wrote."""
    for name, value in given.items():
        if problem.file == f"--set {name}={value}":
            return replace(problem, file=f"--{name} {value}")
    return problem


def _device_problems(device: str | None, cluster: str, place: str) -> list[Problem]:
    """A problem if CUDA is demanded and there is none; what is no device at all is the schema's to say."""
    if device != "cuda":
        return []
    try:
        resolve_device(device, cluster)
    except RuntimeError as error:
        return [Problem(place, None, None, str(error))]
    except SettingsError:  # the cluster's file, which is told by itself
        return []
    return []


def _cluster_problems(cluster: str | None, place: str) -> list[Problem]:
    """A problem if the cluster is neither built in, nor an address, nor described by a file; all those in its file."""
    files = cluster_files(params_folder())
    known = ["inline", "local", *files]
    if cluster in files:
        try:
            read_cluster_file(files[cluster])
        except SettingsError as error:
            return list(error.problems)
    if cluster is None or cluster in known or "://" in cluster:
        return []
    allowed = f"{listed(known)}, or an address like tcp://host:8786"
    return [
        Problem(place, None, "cluster", "no such cluster", cluster, allowed, did_you_mean(cluster, known))
    ]


def _store_problems() -> list[Problem]:
    """A problem if the folder that COMPANION_STORE names for one's own results cannot be written to."""
    if not os.environ.get(OWN_VARIABLE, "").strip(os.pathsep):
        return []
    own = existing = store_roots()[0]
    try:
        while not existing.exists():
            existing = existing.parent
        with tempfile.TemporaryDirectory(prefix=".companion-", dir=existing):
            return []  # permissions alone do not tell: disks are read-only or full, or map users to others
    except OSError as error:
        missing = "cannot be written to" if existing == own else "cannot be created"
        message = f"the own store {missing} ({existing}: {error.strerror})"
    allowed = (
        f"a folder that can be created and written to; further ones, after {os.pathsep!r} or in "
        f"{GROUP_VARIABLE}, are only read"
    )
    return [Problem(OWN_VARIABLE, None, None, message, str(own), allowed)]
