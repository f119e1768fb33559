"""Benchmark of large results: records of many samples at many checkpoints, written and read.

    python benchmarks/scaling/samples.py [--samples 10000] [--checkpoints 60] [--pixels 0 256] [--out FOLDER]

Without pixels a result holds what a run of score models keeps of its samples: distances to the two nearest
training images, who they are, and two classes. With pixels also the images, as float32. Reading checks digests.
"""

import argparse
import resource
import time
from pathlib import Path

import workload
from measured import project, tell

from companion.store.artefacts import RESULT, Address, read_result, write_result
from companion.store.content import dataset_digest


def main() -> None:
    """Store and read each kind of record, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--checkpoints", type=int, default=60)
    parser.add_argument("--pixels", type=int, nargs="+", default=[0, 256])
    parser.add_argument(
        "--folder", type=Path, help="where the store is made; the temporary folder by default"
    )
    parser.add_argument("--out", type=Path, help="folder for JSON")
    asked = parser.parse_args()
    rows = []
    for pixels in asked.pixels:
        with project(asked.folder):
            dataset = workload.sample_record.function(asked.samples, asked.checkpoints, pixels, 0)
            address = Address("scale.samples", f"{pixels:040x}")
            about = {"key": address.key, "function": address.function}
            begun = time.perf_counter()
            digest = dataset_digest(dataset)
            digested = time.perf_counter() - begun
            begun = time.perf_counter()
            folder = write_result(address, dataset, about, replace=False)
            written = time.perf_counter() - begun
            begun = time.perf_counter()
            again = read_result(folder)
            read = time.perf_counter() - begun
            assert dataset_digest(again) == digest
            size = (folder / RESULT).stat().st_size / 1e6
            rows.append(
                {
                    "samples": asked.samples,
                    "checkpoints": asked.checkpoints,
                    "pixels": pixels,
                    "file MB": size,
                    "digest of values s": digested,
                    "write s": written,
                    "write MB/s": size / written,
                    "read s": read,
                    "read MB/s": size / read,
                    "peak memory MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
                }
            )
    tell("samples", rows, asked.out)


if __name__ == "__main__":
    main()
