"""How long the gallery of this project takes to build, and how large its index is without images.

    python benchmarks/gallery.py [--times 3]

The goal for sixty figures: 20 seconds, and an index under a megabyte.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from companion.session.root import project_root
from companion.site.build import build_site


def main() -> None:
    """Print elapsed and CPU seconds of each build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="builds, the first of which also imports")
    chosen = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    for _ in range(chosen.times):
        with tempfile.TemporaryDirectory() as folder:
            begun, used = time.perf_counter(), time.process_time()
            index = build_site(project_root(), out=Path(folder) / "site")
            elapsed, cpu = time.perf_counter() - begun, time.process_time() - used
            figures = len(list(index.parent.glob("figures/*/*.html")))
            size = index.stat().st_size / 1000
        print(f"{figures} figures: {elapsed:.1f} s elapsed, {cpu:.1f} s of CPU, index {size:.0f} kB")


if __name__ == "__main__":
    main()
