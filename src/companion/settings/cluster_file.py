"""A cluster as data: what its site wants in job scripts, what its workers look like, how much may be used.

Read strictly from params/clusters/<name>.yaml; every mistake is reported at once, with file, line and
what is allowed.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from companion.settings.problems import Problem, SettingsError, did_you_mean, listed, shown_path, shown_value
from companion.settings.types import Count, Flag, Meaning, Natural, Positive, Text
from companion.settings.yaml_text import Entry, read_mapping

Walltime = Annotated[
    str,
    StringConstraints(pattern=r"^\d{1,3}:[0-5]\d$"),
    Meaning('hours and minutes in quotes, as in "24:00"'),
]
"""How long a job may run, hours and minutes."""

Lines = Annotated[tuple[Text, ...], Field(strict=False), Meaning("a list of texts")]
"""Lines or words in their order, possibly none."""

NAME = re.compile(r"[a-z][a-z0-9_-]*")
"""What a cluster may be called."""

_MESSAGES = {
    "missing": "missing",
    "extra_forbidden": "unknown setting",
    "string_pattern_mismatch": "not in the right form",
    "string_too_short": "must not be empty",
    "literal_error": "not one of the choices",
    "value_error": "not allowed",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class JobSettings(_Strict):
    """What one job asks for; ``partition`` None leaves it to the site, ``extra`` are further options of sbatch."""

    partition: Text | None = None
    cores: Count
    memory_gib: Positive
    walltime: Walltime
    extra: Lines = ()

    @property
    def walltime_seconds(self) -> int:
        """The wall time in seconds."""
        hours, minutes = self.walltime.split(":")
        return 3600 * int(hours) + 60 * int(minutes)


class WorkerSettings(JobSettings):
    """A pool of equal worker jobs: between ``minimum_jobs`` and ``maximum_jobs`` of them, as work demands."""

    minimum_jobs: Natural = 0
    maximum_jobs: Count

    @property
    def workers(self) -> int:
        """Workers in one job: one for each core."""
        return self.cores


class GpuWorkerSettings(WorkerSettings):
    """A pool of worker jobs with ``gpus`` GPUs each of the type that the site calls ``gpu_type``."""

    gpu_type: Text
    gpus: Count = 1

    @property
    def workers(self) -> int:
        """Workers in one job: one for each GPU."""
        return self.gpus


class Pools(_Strict):
    """Workers by what they work on; ``gpu`` None where the cluster has none."""

    cpu: WorkerSettings
    gpu: GpuWorkerSettings | None = None


class Allocation(_Strict):
    """What the group may use in a month."""

    core_hours_per_month: Natural
    gpu_hours_per_month: Natural


class Disk(_Strict):
    """What there is room for."""

    scratch_gib: Positive


class ClusterSettings(_Strict):
    """Everything that companion knows about a cluster; ``name`` is that of its file."""

    name: str
    description: Text
    scheduler: Literal["slurm"]
    account: Text | None = None
    needs_account: Flag = False
    reservation: Text | None = None
    interface: Text | None = None
    scratch: Text | None = None
    modules: Lines = ()
    setup: Lines = ()
    signal_seconds: Count = 180
    driver: JobSettings
    workers: Pools
    allocation: Allocation
    disk: Disk


def cluster_files(params_folder: Path) -> dict[str, Path]:
    """The files that describe clusters, by the names of these, in order."""
    return {path.stem: path for path in sorted((params_folder / "clusters").glob("*.yaml"))}


def read_cluster_file(path: Path) -> ClusterSettings:
    """Settings of the cluster that ``path`` describes.

    Raises SettingsError with everything that is wrong in it.
    """
    file = shown_path(path)
    entries, problems = read_mapping(path, file)
    if not entries and problems:
        raise SettingsError(problems)
    if not NAME.fullmatch(path.stem):
        allowed = "small letters, digits, - and _, the first a letter"
        problems.append(Problem(file, None, None, "not a name for a cluster", path.stem, allowed))
    given = {name: value for name, value, _ in entries}
    if "name" in given:
        problems.append(_unknown(file, _lines(entries)["name"], ("name",), given["name"], ClusterSettings))
        del given["name"]
    try:
        settings = ClusterSettings.model_validate(given | {"name": path.stem})
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems += [_problem(file, _lines(entries), dict(one)) for one in found]
        raise SettingsError(problems) from None
    problems += _contradictions(file, _lines(entries), settings)
    if problems:
        raise SettingsError(problems)
    return settings


def _contradictions(file: str, lines: Mapping[str, int], settings: ClusterSettings) -> Iterator[Problem]:
    """What is wrong with settings that are each right by themselves."""
    jobs = {
        "driver": settings.driver,
        "workers.cpu": settings.workers.cpu,
        "workers.gpu": settings.workers.gpu,
    }
    for place, job in jobs.items():
        line = lines[place.partition(".")[0]]
        if isinstance(job, WorkerSettings) and job.minimum_jobs > job.maximum_jobs:
            allowed = f"at most maximum_jobs, {job.maximum_jobs}"
            yield Problem(file, line, f"{place}.minimum_jobs", "out of range", str(job.minimum_jobs), allowed)
        if job and settings.signal_seconds >= job.walltime_seconds:
            allowed = f"less than the {job.walltime_seconds} s of {place}.walltime"
            given = str(settings.signal_seconds)
            yield Problem(file, lines.get("signal_seconds"), "signal_seconds", "out of range", given, allowed)


def _lines(entries: list[Entry]) -> dict[str, int]:
    return {name: line for name, _, line in entries}


def _problem(file: str, lines: Mapping[str, int], error: Mapping[str, Any]) -> Problem:
    """One of pydantic's errors in the words that other settings files get."""
    place = tuple(part for part in error["loc"] if isinstance(part, str))
    line = lines.get(place[0]) if place else None
    if error["type"] == "extra_forbidden":
        return _unknown(file, line, place, error["input"], _model(place[:-1]))
    message = _MESSAGES.get(error["type"])
    if message is None:
        message = "wrong type" if error["type"].endswith("_type") else "out of range"
    given = None if error["type"] == "missing" else shown_value(error["input"])
    return Problem(file, line, ".".join(place), message, given, _allowed(place))


def _unknown(
    file: str, line: int | None, place: tuple[str, ...], given: object, model: type[BaseModel]
) -> Problem:
    known = [name for name in model.model_fields if (model, name) != (ClusterSettings, "name")]
    hint = did_you_mean(place[-1], known)
    return Problem(file, line, ".".join(place), "unknown setting", shown_value(given), listed(known), hint)


def _model(place: tuple[str, ...]) -> type[BaseModel]:
    """The model that the settings below ``place`` belong to."""
    model: type[BaseModel] = ClusterSettings
    for name in place:
        model = next(_models(model.model_fields[name].annotation))
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    candidates = (annotation, *get_args(annotation))
    return (kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel))


def _allowed(place: tuple[str, ...]) -> str | None:
    """Which values the setting at ``place`` takes, in words."""
    field = _model(place[:-1]).model_fields[place[-1]]
    model = next(_models(field.annotation), None)
    if model is not None:
        return f"settings {listed(list(model.model_fields))}"
    if choices := get_args(field.annotation) if "Literal" in str(field.annotation) else ():
        return listed(list(choices))
    parts = [*field.metadata, *(part for kind in get_args(field.annotation) for part in _metadata(kind))]
    return next((part.words for part in parts if isinstance(part, Meaning)), None)


def _metadata(kind: Any) -> tuple[Any, ...]:
    return getattr(kind, "__metadata__", ())
