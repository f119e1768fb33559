"""What the benchmarks of scale share: a folder of their own, and one way to say what was measured."""

import json
import os
import platform
import resource
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import distributed
import xarray as xr
from rich.console import Console
from rich.table import Table

from companion.compute.clusters import start


@contextmanager
def project(beside: Path | None = None) -> Iterator[Path]:
    """An empty project under ``beside`` (the system's temporary folder by default), gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="companion-scaling-", dir=beside) as name:
        folder = Path(name)
        for part in ("notebooks", "params/scale"):
            (folder / part).mkdir(parents=True)
        os.environ["COMPANION_ROOT"] = name
        os.environ["COMPANION_STORE"] = str(folder / "store")
        yield folder


@contextmanager
def workers_started(number: int) -> Iterator[str]:
    """A local cluster; its address."""
    started = start("local", workers=number)
    assert started is not None
    try:
        yield started.address
    finally:
        started.close()


def cpu_of_workers() -> float:
    """CPU seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tell(name: str, rows: Sequence[Mapping[str, Any]], out: Path | None) -> None:
    """Print ``rows`` as one table, under which load they were measured, and write them to ``out`` as JSON."""
    where = (
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"distributed {distributed.__version__}, xarray {xr.__version__}"
    )
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()))
    console = Console(width=150)
    console.print(where)
    console.print(table)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"where": where, "rows": list(rows)}, indent=1, ensure_ascii=False)
        (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
