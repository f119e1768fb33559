"""Benchmark of the plan: how long it takes to say that nothing is to do, over many stored results.

    python benchmarks/scaling/manifests.py [--results 100000] [--functions 20] [--folder FOLDER] [--out FOLDER]

A notebook's record names all results of the store; their manifests are those of a real result, of the usual
4 kB, in the page cache. Times are of a new process, twice.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import workload
from measured import project, tell

from companion.run.choose import Wishes, choose
from companion.run.record import Record, executed_path, identify
from companion.store.artefacts import MANIFEST, RESULT

NOTEBOOK = """# %% [markdown]
# # Scale

# %%
from companion.settings.types import Cluster, Device, Profile, Seed

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file
device: Device = "cpu"  # where tensors live
cluster: Cluster = "inline"  # who works
seed: Seed = 0  # root of the random numbers
"""

PLAN = """
import time
from companion.run.choose import Wishes, choose
from companion.run.plan import make_plan
requests = choose(Wishes(["scale"])).requests
from companion.store.artefacts import all_results, store_roots
from companion.store.pruning import keys_in_use
begun, cpu = time.perf_counter(), time.process_time()
(step,) = make_plan(requests)
planned, cpu = time.perf_counter() - begun, time.process_time() - cpu
begun = time.perf_counter()
assert len(list(all_results(store_roots()[0]))) > 0
listed = time.perf_counter() - begun
begun = time.perf_counter()
keys_in_use()
print(planned, cpu, listed, time.perf_counter() - begun, step.hit, step.reasons, sep="\\t")
"""


def fill(store: Path, results: int, functions: int) -> dict[str, str]:
    """Write ``results`` stored results, all with the files of one real one; their keys and functions."""
    conditions = tuple({"run": run, "ratio": 0.5} for run in range(5))
    workload.sleeping_block(conditions=conditions, seconds=0.0, steps=20)
    folder = workload.sleeping_block.address(conditions=conditions, seconds=0.0, steps=20).own
    manifest, result = json.loads((folder / MANIFEST).read_text()), (folder / RESULT).read_bytes()
    keys = {}
    for index in range(results):
        key, name = hashlib.sha256(str(index).encode()).hexdigest()[:40], f"scale.block_{index % functions}"
        target = store / name / key
        target.mkdir(parents=True)
        (target / RESULT).write_bytes(result)
        text = json.dumps(manifest | {"key": key, "function": name}, indent=1, sort_keys=True)
        (target / MANIFEST).write_text(text)
        keys[key] = name
    return keys


def main() -> None:
    """Fill a store, plan twice, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=int, default=100_000)
    parser.add_argument("--functions", type=int, default=20)
    parser.add_argument(
        "--folder", type=Path, help="where the store is made; the temporary folder by default"
    )
    parser.add_argument("--out", type=Path, help="folder for JSON")
    asked = parser.parse_args()
    rows = []
    with project(asked.folder) as root:
        (root / "notebooks/scale.py").write_text(NOTEBOOK)
        (root / "params/scale/laptop.yaml").write_text("seed: 0\n")
        begun = time.perf_counter()
        keys = fill(root / "store", asked.results, asked.functions)
        filled = time.perf_counter() - begun
        (request,) = choose(Wishes(["scale"])).requests
        identity = identify(request.notebook, request.parameters.values, request.device)
        record = Record(
            notebook="scale", digest=identity.digest, cells_digest=identity.cells, text=identity.text,
            imports=identity.imports, modules=identity.modules, parameters=identity.parameters, origins={},
            keys=keys, figures=(), claims=(), files={}, device=identity.device, seconds=1.0, finished=0.0,
        )  # fmt: skip
        record.write("laptop")
        executed_path("laptop", "scale").write_text("{}")
        for _ in range(2):
            done = subprocess.run([sys.executable, "-c", PLAN], capture_output=True, text=True, check=True)
            seconds, cpu, listed, in_use, hit, reasons = done.stdout.strip().split("\t")
            assert hit == "True", reasons
            rows.append(
                {
                    "results": asked.results,
                    "plan s": float(seconds),
                    "CPU s": float(cpu),
                    "µs per result": 1e6 * float(seconds) / asked.results,
                    "listing s": float(listed),
                    "what prune reads s": float(in_use),
                    "written s": filled,
                }
            )
    tell("manifests", rows, asked.out)


if __name__ == "__main__":
    main()
