"""What the two names of ``--compare A B`` mean: a profile, a commit, a folder, a store or a device."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from companion.run import commits
from companion.session.root import project_root
from companion.settings.problems import Problem, SettingsError, did_you_mean, listed
from companion.store.artefacts import MANIFEST, store_roots

KINDS = ("profile", "commit", "folder", "store", "device")
#: Where the tracked figures of each kind of device lie.
DEVICE_PROFILES = {"cpu": "laptop", "cuda": "gpu"}

#: What the runs behind a bundle were made from.
PROVENANCE = "provenance.json"

_OPTION = "--compare"
_LONGEST_HEADING = 16


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    ``name`` is its heading, ``about`` says in words what it is. ``figures`` is a folder of figures and verdicts;
    ``stores`` are folders of results, of which the newest of each kind counts, or the one before it (``before``).
    ``device`` restricts both to what was made there; ``commit`` is where figures come from, if from one.
    """

    name: str
    about: str
    figures: Path | None = None
    stores: tuple[Path, ...] = ()
    before: bool = False
    device: str | None = None
    commit: str | None = None


@contextlib.contextmanager
def sides(a: str, b: str, profile: str) -> Iterator[tuple[Side, Side]]:
    """The sides that two names mean; ``profile`` is the one of commits and folders that name none.

    Raises SettingsError with all that is wrong in either name, or where the two have nothing to compare.
    """
    with tempfile.TemporaryDirectory(prefix="companion-compare-") as scratch:
        found, problems = [], []
        for heading, name in zip("AB", (a, b), strict=True):
            try:
                side = _side(name, profile, Path(scratch) / heading)
                found.append(replace(side, name=name if len(name) <= _LONGEST_HEADING else heading))
            except SettingsError as error:
                problems += error.problems
        if problems:
            raise SettingsError(dict.fromkeys(problems))
        yield _together(*found)


def _together(a: Side, b: Side) -> tuple[Side, Side]:
    """Both sides, after a look at what they have in common."""
    if a.name == b.name:
        a, b = replace(a, name="A"), replace(b, name="B")
    if a.stores and a.stores == b.stores and a.device == b.device:
        before = f"{a.about}: of each result the version before the newest"
        return replace(a, about=before, before=True), replace(b, about=f"{b.about}: the newest")
    if not (a.figures and b.figures) and not (a.stores and b.stores):
        given = f"{a.about}; {b.about}"
        allowed = "two sides with figures (profiles, commits, folders) or two with results (stores, devices)"
        raise SettingsError([_problem("nothing of one can be compared with the other", given, allowed)])
    return a, b


def _side(name: str, profile: str, scratch: Path) -> Side:
    kind, colon, rest = name.partition(":")
    asked: set[str] = {kind} if colon and kind in KINDS else set(KINDS)
    text = rest if len(asked) == 1 else name
    readings = {
        kind: side
        for kind, read in (
            ("profile", _of_profile),
            ("device", _of_device),
            ("store", _of_store),
            ("folder", lambda text: _of_folder(text, profile)),
            ("commit", lambda text: _of_commit(text, profile)),
        )
        if text and kind in asked and (side := read(text)) is not None
    }
    if {"profile", "folder"} <= readings.keys() and readings["profile"].figures == readings["folder"].figures:
        del readings["folder"]
    if not readings:
        raise SettingsError([_unknown(name, text, asked)])
    if len(readings) > 1:
        meant = " and ".join(f"a {kind}" for kind in readings)
        allowed = " or ".join(f"{kind}:{text}" for kind in readings)
        raise SettingsError([_problem(f"ambiguous: it names {meant}", name, allowed)])
    side = next(iter(readings.values()))
    if side.commit and side.figures:  # only now, and only for the side that is meant
        folder = commits.extract(side.commit, side.figures.as_posix(), scratch, (".json", ".csv"))
        side = replace(side, figures=folder)
    return side


def _of_profile(name: str) -> Side | None:
    folder = project_root() / "figures" / name
    named = name == Path(name).name and name not in (".", "..")
    return Side(name, f"profile {name}", folder) if named and holds_figures(folder) else None


def _of_device(name: str) -> Side | None:
    if name not in DEVICE_PROFILES:
        return None
    folder = project_root() / "figures" / DEVICE_PROFILES[name]
    figures = folder if holds_figures(folder) else None
    about = f"what was made on {name}" + (f" ({_shown(folder)}, the store)" if figures else " (the store)")
    return Side(name, about, figures, tuple(store_roots()), device=name)


def _of_store(name: str) -> Side | None:
    if name == "store":
        roots = tuple(store_roots())
        return Side(name, f"store {os.pathsep.join(map(_shown, roots))}", stores=roots)
    folder = Path(name).expanduser()
    if folder.is_dir() and next(folder.glob(f"[!.]*/[!.]*/{MANIFEST}"), None) is not None:
        return Side(name, f"store {_shown(folder)}", stores=(folder.resolve(),))
    return None


def _of_folder(name: str, profile: str) -> Side | None:
    """Figures in a folder, in an unpacked bundle, or at ``profile`` in another checkout (``FOLDER:PROFILE``)."""
    folder, asked = Path(name).expanduser(), profile
    if not folder.is_dir():
        before, _, asked = name.rpartition(":")
        folder = Path(before).expanduser()
        if not before or not folder.is_dir():
            return None
    if is_bundle(folder):
        return Side(name, f"bundle {_shown(folder)}", (folder / "figures").resolve())
    if asked == profile and holds_figures(folder):
        return Side(name, f"folder {_shown(folder)}", folder.resolve())
    inside = folder / "figures"
    if not inside.is_dir():
        return None
    if not holds_figures(inside / asked):
        profiles = sorted(path.name for path in inside.iterdir() if holds_figures(path))
        raise SettingsError(
            [_no_profile(f"no figures of profile {asked} there", name, folder, asked, profiles)]
        )
    return Side(name, f"folder {_shown(folder)}, profile {asked}", (inside / asked).resolve())


def _of_commit(name: str, profile: str) -> Side | None:
    commit, asked = commits.commit_named(name), profile
    if commit is None:
        before, _, asked = name.rpartition(":")
        commit = commits.commit_named(before)
        if commit is None:
            return None
    profiles = commits.profiles_at(commit)
    if asked not in profiles:
        revision = name.removesuffix(f":{asked}")
        problem = f"no figures of profile {asked} are tracked there"
        raise SettingsError([_no_profile(problem, name, revision, asked, profiles)])
    return Side(name, f"commit {commit[:10]}, profile {asked}", Path("figures", asked), commit=commit)


def _shown(path: Path) -> str:
    """A path as people know it: from the project's folder on, if it lies there."""
    path, root = path.resolve(), project_root()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _no_profile(message: str, given: str, place: object, asked: str, profiles: list[str]) -> Problem:
    allowed = listed([f"{place}:{profile}" for profile in profiles])
    return _problem(message, given, allowed, did_you_mean(asked, profiles))


def is_bundle(folder: Path) -> bool:
    """Whether a folder is an archive of ``--bundle``, unpacked: verdicts and provenance stand beside its figures."""
    return (folder / PROVENANCE).is_file() and (folder / "figures").is_dir()


def holds_figures(folder: Path) -> bool:
    """Whether a folder holds figures' numbers or verdicts."""
    return (folder / "claims.json").is_file() or any(
        path.with_suffix(".json").is_file() for path in folder.glob("*.csv")
    )


def _unknown(name: str, text: str, asked: set[str]) -> Problem:
    figures = project_root() / "figures"
    profiles = sorted(path.name for path in figures.glob("*") if holds_figures(path))
    allowed: Mapping[str, str] = {
        "profile": f"a profile with figures ({listed(profiles)})",
        "device": "cpu or cuda",
        "store": "store (one's own) or a folder of results",
        "folder": "a folder with figures",
        "commit": "a commit (HEAD~3, a branch, a hash; COMMIT:PROFILE)",
    }
    near = [*profiles, *DEVICE_PROFILES, "store", "HEAD", *commits.branches_and_tags()]
    wrong = "names nothing" if len(asked) > 1 else f"names no {next(iter(asked))}"
    if Path(text).is_file():
        wrong = "a file: an archive is compared when it is unpacked, by its folder"
    return _problem(
        wrong, name, "; ".join(allowed[kind] for kind in allowed if kind in asked), did_you_mean(text, near)
    )


def _problem(message: str, given: str, allowed: str, hint: str | None = None) -> Problem:
    return Problem(_OPTION, None, None, message, given, allowed, hint)
