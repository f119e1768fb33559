"""Facts about where and when a result was made; none of them enters a key or a tracked file."""

import getpass
import importlib.metadata
import platform
import socket
import subprocess
import time
from functools import lru_cache

from companion.session.root import project_root

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
    """Commit of the project, with ``+changes`` if the tree differs from it; ``unknown`` without git."""
    root = project_root()
    try:
        head = _git("rev-parse", "HEAD", folder=str(root))
        return head + ("+changes" if _git("status", "--porcelain", folder=str(root)) else "")
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
