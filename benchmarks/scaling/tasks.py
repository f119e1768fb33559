"""Benchmark of tasks without a store: what a task costs beside its work, on a local cluster.

    python benchmarks/scaling/tasks.py [--tasks 10000] [--seconds 0.05] [--workers 2 8 32] [--out FOLDER]

Tasks sleep, so that more workers than cores can be kept busy, and what is measured is the way of tasks to
workers and of outcomes back. Efficiency: work over elapsed time and workers, from the first submission on.
"""

import argparse
import time
from pathlib import Path

from measured import project, tell, workers_started

from companion.compute.clusters import cluster, core_count


def nap(seconds: float, index: int) -> int:
    """Sleep, and say which task this was."""
    time.sleep(seconds)
    return index


def main() -> None:
    """Measure for each number of workers; print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=0.05)
    parser.add_argument("--workers", type=int, nargs="+", default=[core_count()])
    parser.add_argument("--out", type=Path, help="folder for JSON")
    asked = parser.parse_args()
    rows = []
    for workers in asked.workers:
        with project(), workers_started(workers) as address:
            where = cluster(address)
            list(where.run(nap, [(0.0, index) for index in range(4 * workers)]))
            begun, cpu = time.perf_counter(), time.process_time()
            found = [at for at, _ in where.run(nap, [(asked.seconds, i) for i in range(asked.tasks)])]
            elapsed, cpu = time.perf_counter() - begun, time.process_time() - cpu
            assert sorted(found) == list(range(asked.tasks))
        ideal = asked.tasks * asked.seconds / workers
        rows.append(
            {
                "tasks": asked.tasks,
                "seconds each": asked.seconds,
                "workers": workers,
                "elapsed s": elapsed,
                "efficiency": ideal / elapsed,
                "overhead ms per task and worker": 1e3 * (elapsed - ideal) * workers / asked.tasks,
                "scheduler and client CPU ms per task": 1e3 * cpu / asked.tasks,
            }
        )
    tell("tasks", rows, asked.out)


if __name__ == "__main__":
    main()
