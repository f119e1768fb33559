"""What version control holds of the project: files, and folders of figures, as they were at a commit."""

import io
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from companion.session.root import project_root

_LONGEST = 60  # seconds that git may take


def _git(*arguments: str) -> bytes | None:
    """What git says, asked in the project's folder; None where it refuses, or where there is no git."""
    command = ["git", "-C", str(project_root()), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=True, timeout=_LONGEST).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def commit_named(name: str) -> str | None:
    """The commit that ``name`` means to git, in full; None where it means none."""
    if not name or name.startswith("-"):
        return None
    said = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return said.decode().strip() if said else None


def branches_and_tags() -> list[str]:
    """Their short names, to be offered where a name is misspelled."""
    said = _git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags")
    return said.decode().split() if said else []


def file_at(commit: str, path: str) -> bytes | None:
    """Bytes of the file ``path`` (below the project) at ``commit``; None where it is not tracked there."""
    return _git("show", f"{commit}:./{path}")


def last_change(commit: str, path: str) -> str | None:
    """The last commit up to ``commit`` that changed ``path``; None where none did."""
    said = _git("log", "-1", "--format=%H", commit, "--", path)
    return said.decode().strip() or None if said else None


def profiles_at(commit: str) -> list[str]:
    """Profiles that have figures at ``commit``."""
    said = _git("ls-tree", "-d", "--name-only", commit, "figures/")
    return [Path(line).name for line in said.decode().splitlines()] if said else []


def extract(commit: str, folder: str, into: Path, suffixes: Sequence[str]) -> Path:
    """Write the files of ``folder`` with one of ``suffixes`` as they are at ``commit`` below ``into``.

    Returns where they lie. Raises OSError where git does not give them.
    """
    archive = _git("archive", "--format=tar", commit, folder)
    if archive is None:
        raise OSError(f"git archive {commit} {folder}: git does not give it")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = [member for member in tar if member.name.endswith(tuple(suffixes))]
        tar.extractall(into, members, filter="data")
    return into / folder
