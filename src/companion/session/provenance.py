"""Facts about where and when a result was made; none of them enters a key or a tracked file."""

import getpass
import importlib.metadata
import platform
import socket
import subprocess
import time
from functools import lru_cache

from companion.session.root import project_root

#: Files that can change a number once they are there, tracked or not: code and parameters.
_SOURCES = ("*.py", "*.yaml", "*.yml")
_LIBRARIES = ("numpy", "scipy", "numba", "torch", "scikit-learn", "xarray", "h5netcdf", "dask", "matplotlib")


@lru_cache(maxsize=1)
def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


@lru_cache(maxsize=1)
def commit() -> str:
    """Commit of the project, with ``+changes`` if the tree differs from it; ``unknown`` without git.

    New files count if they are code or parameters: a book, or figures that were exported for a paper, change nothing.
    """
    root = str(project_root())
    try:
        head = _git("rev-parse", "HEAD", folder=root)
        changed = _git("status", "--porcelain", "--untracked-files=no", folder=root)
        added = _git("ls-files", "--others", "--exclude-standard", "--", *_SOURCES, folder=root)
        return head + ("+changes" if changed or added else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(*arguments: str, folder: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, *arguments], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()


def who() -> str:
    """Login name of the user, for results in shared stores."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def environment() -> dict[str, object]:
    """Commit, host, user, platform, versions and time (seconds since 1970) of this moment."""
    return {
        "commit": commit(),
        "host": socket.gethostname(),
        "user": who(),
        "platform": platform.platform(),
        "versions": library_versions(),
        "time": time.time(),
    }
