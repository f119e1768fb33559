"""Benchmark of a sweep: conditions in stored blocks on a local cluster, and their assembly from the store.

    python benchmarks/scaling/blocks.py [--conditions 100000] [--block 100] [--seconds 2] [--workers 16] [--out FOLDER]

Blocks sleep ``--seconds`` and store a number and a curve of ``--steps`` for each condition. Efficiency counts
everything that the sweep does, assembly included; "assembled" is the same sweep with all blocks stored.
"""

import argparse
import time
from pathlib import Path
from types import SimpleNamespace

import workload
from measured import cpu_of_workers, project, tell, workers_started

from companion.compute.sweeps import sweep
from companion.session import current
from companion.store.artefacts import store_roots


def main() -> None:
    """Run the sweep twice, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--conditions", type=int, default=100_000)
    parser.add_argument("--block", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--out", type=Path, help="folder for JSON")
    asked = parser.parse_args()
    conditions = [{"run": run, "ratio": run / asked.conditions} for run in range(asked.conditions)]
    common = {"seconds": asked.seconds, "steps": asked.steps}
    with project():
        with workers_started(asked.workers) as address:
            session = SimpleNamespace(cluster=address, device="cpu", touched={})
            current._current = session  # type: ignore[assignment]
            few = conditions[: asked.block * asked.workers]  # workers import once, before time is taken
            sweep(workload.sleeping_block, few, block=asked.block, seconds=0.0, steps=1)
            begun, cpu = time.perf_counter(), time.process_time()
            first = sweep(workload.sleeping_block, conditions, block=asked.block, **common)
            computed, cpu = time.perf_counter() - begun, time.process_time() - cpu
        begun, again_cpu = time.perf_counter(), time.process_time()
        again = sweep(workload.sleeping_block, conditions, block=asked.block, **common)
        assembled, again_cpu = time.perf_counter() - begun, time.process_time() - again_cpu
        assert again.identical(first) and again.sizes["condition"] == asked.conditions
        files = [path for path in store_roots()[0].rglob("*") if path.is_file()]
        stored = sum(path.stat().st_size for path in files)
    blocks = -(-asked.conditions // asked.block)
    ideal = blocks * asked.seconds / asked.workers
    row = {
        "conditions": asked.conditions,
        "blocks": blocks,
        "seconds each": asked.seconds,
        "workers": asked.workers,
        "elapsed s": computed,
        "efficiency": ideal / computed,
        "sweep CPU ms per block": 1e3 * cpu / blocks,
        "workers CPU ms per block": 1e3 * cpu_of_workers() / blocks,
        "assembled s": assembled,
        "of it CPU s": again_cpu,
        "store MB": stored / 1e6,
        "kB per block": stored / blocks / 1e3,
    }
    tell("blocks", [row], asked.out)


if __name__ == "__main__":
    main()
