"""``--bundle FILE``: a profile as one archive for a deposit: figures, numbers, verdicts, provenance, code, checksums.

Equal contents make equal bytes: names are sorted, times are fixed, and nothing says when the archive was written.
"""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, Final

from rich.console import Console

from companion.run import report
from companion.run.choose import Wishes, choose
from companion.run.plan import Step, make_plan
from companion.run.record import FIGURE_SUFFIXES, executed_path
from companion.session.current import figures_folder
from companion.session.files import atomic_path
from companion.session.progress import progress
from companion.session.provenance import commit
from companion.session.root import project_root
from companion.settings.problems import Problem, SettingsError, shown_path
from companion.store.selection import select
from companion.store.sending import check, index_of, write_archive
from companion.store.sizes import shown_size
from companion.store.transfer import counted

DONE, FAILED = 0, 1
CHECKSUMS: Final = "SHA256SUMS"
_ENDING: Final = ".tar.gz"
_WRITTEN_AT: Final = 315_532_800  # 1980: the first year that all unpackers believe
#: What stands for the code where git cannot tell which files belong to it.
_WITHOUT_GIT: Final = (
    *("*.cff", "*.lock", "*.md", "*.py", "*.toml", "environment.yml", ".gitignore", "Makefile", "LICENSE"),
    *(".ci/*", "benchmarks/**/*.*", "labconfig/*", "notebooks/*.py", "own/**/*.py", "params/**/*.*"),
    *("src/**/*.*", "tests/**/*.*"),
)

Contents = dict[str, bytes | Path]


def bundle(wishes: Wishes, target: Path, out: Console, *, with_results: bool = False) -> int:
    """Write the figures of the chosen notebooks, and all that stands behind them, to ``target``; the exit code.

    1 where results are damaged or missing that were to come along: the archive is written without them and says so.
    Raises SettingsError where ``target`` is no name for an archive, or where nothing has been drawn.
    """
    steps = make_plan(choose(wishes).requests)
    _refuse_bad(target, wishes.profile, steps)
    with tempfile.TemporaryDirectory(prefix="companion-bundle-") as folder:
        results = Path(folder) / "results.tar"
        missing = _write_results(steps, wishes.profile, results) if with_results else []
        contents = _contents(steps, wishes.profile, results if results.exists() else None, missing)
        _write(contents, target)
    report.line(out, f"{shown_path(target)}: {len(contents)} files, {shown_size(target.stat().st_size)}")
    report.line(out, f"unpacked, `sha256sum -c {CHECKSUMS}` checks them; README.txt says what they are")
    for line in [*_stale(steps), *_undrawn(steps, wishes.profile), *missing]:
        report.line(out, line)
    return FAILED if missing else DONE


def _refuse_bad(target: Path, profile: str, steps: Sequence[Step]) -> None:
    if not target.name.endswith(_ENDING) or target.name == _ENDING:
        raise SettingsError([Problem("--bundle", None, None, "no archive", str(target), f"NAME{_ENDING}")])
    if not target.resolve().parent.is_dir():
        allowed = "a file in a folder that exists"
        raise SettingsError([Problem("--bundle", None, None, "no such folder", str(target.parent), allowed)])
    if not any(_files(figure, profile) for step in steps for figure in step.request.notebook.figure_ids):
        message = (
            f"no figure of profile {profile!r} is drawn; `python run_all.py --profile {profile}` draws them"
        )
        raise SettingsError([Problem("--bundle", None, None, message)])


def _files(figure: str, profile: str) -> list[Path]:
    """The files that there are of a figure."""
    paths = [figures_folder(profile) / (figure + suffix) for suffix in FIGURE_SUFFIXES]
    return [path for path in paths if path.is_file()]


def _contents(steps: Sequence[Step], profile: str, results: Path | None, missing: Sequence[str]) -> Contents:
    """Every file of the archive by its name in it, checksums last."""
    contents: Contents = {}
    for step in steps:
        for figure in step.request.notebook.figure_ids:
            contents |= {f"figures/{path.name}": path for path in _files(figure, profile)}
        executed = executed_path(profile, step.request.name)
        if executed.is_file():
            contents[f"notebooks/{executed.name}"] = executed
    contents["claims.json"] = _json(_verdicts(steps, profile))
    contents["provenance.json"] = _json({"commit": commit(), "profile": profile} | _provenance(steps))
    contents |= {f"code/{name}": project_root() / name for name in _code()}
    for name in ("LICENSE", "CITATION.cff", "requirements.lock"):
        if (project_root() / name).is_file():
            contents[name] = project_root() / name
    if results is not None:
        contents["results.tar"] = results
    notes = [*_stale(steps), *_undrawn(steps, profile), *missing]
    contents["README.txt"] = _readme(profile, notes, with_results=results is not None).encode()
    ordered = dict(sorted(contents.items()))
    return ordered | {CHECKSUMS: _checksums(ordered).encode()}


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _verdicts(steps: Sequence[Step], profile: str) -> dict[str, Any]:
    """The tracked verdicts of these notebooks."""
    path = figures_folder(profile) / "claims.json"
    entries = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    names = {step.request.name for step in steps}
    return {name: entry for name, entry in entries.items() if entry.get("notebook") in names}


def _provenance(steps: Sequence[Step]) -> dict[str, Any]:
    """Of each notebook what it was made from, where, when and how long; None for one that was not run here."""
    runs = {step.request.name: None if step.record is None else asdict(step.record) for step in steps}
    states = {step.request.name: list(step.reasons) or ["up to date"] for step in steps}
    return {"runs": runs, "states": states}


def _code() -> list[str]:
    """Files of the project but figures: those that git tracks, or all that look like it where there is no git."""
    root = project_root()
    try:
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=True
        ).stdout.split("\0")
    except (OSError, subprocess.SubprocessError):
        found = {path for pattern in _WITHOUT_GIT for path in root.glob(pattern)}
        listed = [path.relative_to(root).as_posix() for path in found if "__pycache__" not in path.parts]
    return [
        name for name in listed if PurePosixPath(name).parts[:1] != ("figures",) and (root / name).is_file()
    ]


def _write_results(steps: Sequence[Step], profile: str, target: Path) -> list[str]:
    """Write what the last complete runs used as `store export` does; a line for each result that cannot come."""
    names = [step.request.name for step in steps if step.record is not None]
    lines = [
        f"results of {step.request.name}: not run here at profile {profile}"
        for step in steps
        if step.record is None
    ]
    if names:
        selection = select(names, profile)
        with counted("checking", index_of(selection).size) as advance:
            check(selection, advance)
        index = index_of(selection)
        with counted("writing results", index.total) as advance:
            write_archive(index, selection.folders, target, advance)
        lines += [
            f"result {address.key} ({address.function}): {why}" for address, why in selection.problems.items()
        ]
    return lines


def _stale(steps: Sequence[Step]) -> list[str]:
    """What is not as the code, the parameters or the store now are."""
    lines = [f"{step.request.name}: {reason}" for step in steps for reason in step.reasons]
    return [*lines, "the code has changes that are not committed"] if commit().endswith("+changes") else lines


def _undrawn(steps: Sequence[Step], profile: str) -> list[str]:
    """Figures that are not there, or not as vectors."""
    lines = []
    for step in steps:
        for figure in step.request.notebook.figure_ids:
            suffixes = {path.suffix for path in _files(figure, profile)}
            if not suffixes:
                lines.append(f"{figure}: not drawn at profile {profile}")
            elif ".pdf" not in suffixes:
                lines.append(f"{figure}: no PDF is here; a run of {step.request.name} draws it")
    return lines


def _readme(profile: str, notes: Sequence[str], *, with_results: bool) -> str:
    results = (
        "results.tar      every stored result that the runs used; in code/:\n"
        "                 python run_all.py store import ../results.tar, and nothing is computed again\n"
    )
    kept = "".join(f"  - {note}\n" for note in notes) or "  - everything is as the code in code/ makes it\n"
    return (
        f"Figures, numbers and verdicts of profile {profile!r}\n\n"
        "figures/         each figure as PDF and PNG, its numbers (CSV), its parameters, keys and seed (JSON)\n"
        "claims.json      each claim with criterion, value, interval and verdict\n"
        "notebooks/       as they were executed\n"
        "provenance.json  commit, and of each run its parameters, libraries, machine, time and result keys\n"
        "code/            the project that made them; requirements.lock pins every library\n"
        f"{results if with_results else ''}"
        f"{CHECKSUMS}       `sha256sum -c {CHECKSUMS}` checks every file\n\n"
        f"To make all of it again: cd code, make install, .venv/bin/python run_all.py --profile {profile}\n"
        f"How to cite: CITATION.cff. Licence: LICENSE.\n\nTo know:\n{kept}"
    )


def _checksums(contents: Contents) -> str:
    return "".join(f"{_digest(content)}  {name}\n" for name, content in contents.items())


def _digest(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _write(contents: Contents, target: Path) -> None:
    """The archive, whole or not at all; everything lies in one folder that is called like it."""
    top = target.name.removesuffix(_ENDING)
    with (
        atomic_path(target) as temporary,
        temporary.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        progress("bundle", len(contents), "files") as advance,
    ):
        for name, content in contents.items():
            _add(archive, f"{top}/{name}", content)
            advance(1)


def _add(archive: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    entry = tarfile.TarInfo(name)
    entry.mtime = _WRITTEN_AT
    if isinstance(content, bytes):
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
        return
    entry.size = content.stat().st_size
    entry.mode = 0o755 if content.stat().st_mode & 0o100 else 0o644
    with content.open("rb") as opened:
        archive.addfile(entry, opened)
