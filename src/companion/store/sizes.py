"""Sizes as people read them, and the room that a disk has left."""

import shutil
from pathlib import Path


def shown_size(size: float) -> str:
    """A number of bytes in the unit that fits.

    >>> shown_size(999), shown_size(1500), shown_size(148_000), shown_size(2.5e12)
    ('999 B', '1.5 kB', '148 kB', '2500 GB')
    """
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return _digits(size, unit)
        size /= 1000
    return _digits(size, "GB")


def _digits(size: float, unit: str) -> str:
    return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.1f} {unit}"


def free_space(place: Path) -> int:
    """Bytes that may still be written to the disk of ``place``, which need not exist yet."""
    existing = next(path for path in (place, *place.parents) if path.exists())
    return shutil.disk_usage(existing).free
