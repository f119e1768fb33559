"""Where the project lives: the folder that holds store, figures and site."""

import os
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def _nearest_root(start: Path) -> Path:
    for folder in (start, *start.parents):
        if (folder / "notebooks").is_dir() and (folder / "params").is_dir():
            return folder
    raise FileNotFoundError(
        f"{start}: no parent folder holds notebooks/ and params/. "
        "Start from inside the project, or set COMPANION_ROOT to its folder."
    )


def project_root() -> Path:
    """Root of the project: ``COMPANION_ROOT``, else the nearest parent with notebooks/ and params/.

    Raises FileNotFoundError, with advice, where there is neither.
    """
    override = os.environ.get("COMPANION_ROOT")
    return Path(override).resolve() if override else _nearest_root(Path.cwd().resolve())


def build_folder() -> Path:
    """Folder of everything that can be made again (store, runs, site, compiled code)."""
    return project_root() / "build"
