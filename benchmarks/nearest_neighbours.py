"""Benchmark of the exact nearest neighbours: time against products and libraries, and accuracy.

    python benchmarks/nearest_neighbours.py [--quick] [--accuracy] [--threads 1 2] [--cases NAME …] [--out FOLDER]

Time: the two nearest of G queries among N references in D coordinates, float32, by everybody on the same arrays,
one after the other in one process, repeated in turn; the shortest time counts. The unit is the bare float32 product
of queries and references, `torch.mm` into a preallocated matrix, which no brute-force search can do without.
Ours searches a prepared `Reference`; the one-shot row prepares it within the time. With one thread CPU time
is taken, which other load disturbs less; with more, elapsed time. All peers' indices are compared with ours.

Accuracy: relative error of the distance to the nearest image, for queries at a given relative distance from it.
Images are Fashion-MNIST's full set where it is found, else random images with a like spectrum (and it says so).
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from companion.analysis.neighbours import Reference, nearest_neighbours

CONSOLE = Console(width=150)


def power_law(count: int, dimension: int, exponent: float, seed: int) -> np.ndarray:
    """Gaussian vectors whose variances fall as i^-exponent, in rotated coordinates (n, D) float32."""
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((count, dimension), dtype=np.float32)
    vectors *= np.arange(1, dimension + 1, dtype=np.float32) ** np.float32(-exponent / 2)
    # Householder reflections rotate without a dense product.
    for number in range(4):
        axis = np.random.default_rng([99, number]).standard_normal(dimension, dtype=np.float32)
        axis /= np.linalg.norm(axis)
        vectors -= 2 * (vectors @ axis)[:, None] * axis
    return vectors


def images() -> tuple[np.ndarray, np.ndarray, str]:
    """Training and test images, pixels in [-1, 1] (n, 784) float32, and where they are from."""
    try:
        from companion.datasets.fashion_mnist import load

        data = load("full")
    except (ImportError, OSError, ValueError) as problem:
        CONSOLE.print(f"No full Fashion-MNIST ({problem.__class__.__name__}): random images instead.")
        drawn = np.tanh(3 * power_law(70_000, 784, 1.5, 0))
        return drawn[:60_000], drawn[60_000:], "random images"

    def rows(pixels: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(pixels.reshape(len(pixels), -1), dtype=np.float32) / np.float32(127.5) - 1

    return rows(data.train_images), rows(data.test_images), "Fashion-MNIST"


def isotropic(count: int, dimension: int, seed: int) -> np.ndarray:
    """Gaussian vectors without structure: the worst case (n, D) float32."""
    return np.random.default_rng(seed).standard_normal((count, dimension), dtype=np.float32)


CASES: dict[str, tuple[str, float]] = {
    "images_1e4": ("10000 × 10000 × 784, images", 0.6),
    "images_6e4": ("10000 × 60000 × 784, images", 0.5),
    "power_law": ("10000 × 10000 × 3072, variances i^-1.5", 0.4),
    "power_law_flat": ("10000 × 10000 × 3072, variances i^-1", float("nan")),
    "isotropic": ("10000 × 10000 × 784, isotropic", 1.3),
    "one_shot": ("4000 × 20000 × 784, images, preparation included", 0.8),
    "small": ("256 × 32 × 256, images, one-shot", float("nan")),
    "medium": ("2048 × 4096 × 256, images, one-shot", float("nan")),
}


def arrays(case: str, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Queries and references of a case; ``share`` of the queries."""
    queries = max(1, int(10_000 * share))
    if case == "power_law":
        both = power_law(queries + 10_000, 3072, 1.5, 1)
    elif case == "power_law_flat":
        both = power_law(queries + 10_000, 3072, 1.0, 1)
    elif case == "isotropic":
        both = isotropic(queries + 10_000, 784, 2)
    else:
        train, test, _ = images()
        if case == "one_shot":
            return train[20_000:24_000], train[:20_000]
        if case in ("small", "medium"):
            pooled = np.pad(train[:8000].reshape(-1, 28, 28), ((0, 0), (2, 2), (2, 2)), constant_values=-1)
            pooled = pooled.reshape(-1, 16, 2, 16, 2).mean((2, 4)).reshape(-1, 256)
            few, many = (256, 32) if case == "small" else (2048, 4096)
            return pooled[5000 : 5000 + few].copy(), pooled[:many].copy()
        return test[:queries], train[: 10_000 if case == "images_1e4" else 60_000]
    return both[10_000:], both[:10_000]


def contenders(
    case: str, queries: np.ndarray, references: np.ndarray, threads: int
) -> dict[str, Callable[[], Any]]:
    """What is timed; each returns indices (n, 2), the bare product None."""
    q, x = torch.from_numpy(queries), torch.from_numpy(references)
    product = torch.empty(len(q), len(x)).fill_(0)  # its pages are there before anything is timed
    one_shot = CASES[case][0].endswith(("one-shot", "included"))
    tasks: dict[str, Callable[[], Any]] = {}
    tasks["bare torch.mm"] = lambda: torch.mm(q, x.T, out=product).size(0) * 0
    if one_shot:
        tasks["ours"] = lambda: nearest_neighbours(queries, references, device="cpu")[1]
    else:
        reference = Reference(references).prepare()
        tasks["ours"] = lambda: reference.search(queries, device="cpu", threads=threads).indices

    def cdist() -> np.ndarray:
        found = [
            torch.cdist(part, x).topk(2, largest=False).indices
            for part in q.split(max(1, 50_000_000 // len(x)))
        ]
        return torch.cat(found).numpy()

    def neighbours() -> np.ndarray:
        fitted = NearestNeighbors(n_neighbors=2, algorithm="brute", n_jobs=None).fit(references)
        return fitted.kneighbors(queries, return_distance=False)

    tasks["torch.cdist + topk"] = cdist
    tasks["scikit-learn brute"] = neighbours
    try:
        import faiss
    except ImportError:
        CONSOLE.print("faiss is not installed (pip install faiss-cpu): left out")
        return tasks
    faiss.omp_set_num_threads(threads)

    def flat() -> np.ndarray:
        index = faiss.IndexFlatL2(references.shape[1])
        index.add(references)
        return index.search(queries, 2)[1]

    tasks["faiss IndexFlatL2"] = flat
    return tasks


def timed(case: str, share: float, threads: int, repeats: int) -> dict[str, Any]:
    """Times of every contender on one case."""
    torch.set_num_threads(threads)
    queries, references = arrays(case, share)
    clock = time.process_time if threads == 1 else time.perf_counter
    seconds: dict[str, float] = {}
    answers: dict[str, Any] = {}
    with threadpool_limits(threads):
        tasks = contenders(case, queries, references, threads)
        for repeat in range(repeats + 1):
            for name, task in tasks.items():
                if repeat == 0 and name != "ours" and len(queries) * len(references) > 1e7:
                    continue  # nothing to warm up in what takes seconds
                start = clock()
                answers[name] = task()
                if repeat:
                    seconds[name] = min(seconds.get(name, np.inf), clock() - start)
    ours = answers.pop("ours")
    answers.pop("bare torch.mm")
    different = {name: int((np.asarray(found) != ours).any(1).sum()) for name, found in answers.items()}
    shape = [len(queries), len(references), queries.shape[1]]
    return {
        "case": case,
        "shape": shape,
        "threads": threads,
        "seconds": seconds,
        "rows_that_differ": different,
    }


def speed(cases: list[str], thread_counts: list[int], share: float, repeats: int) -> list[dict[str, Any]]:
    """Time all cases and print a table as they come."""
    results = []
    for threads in thread_counts:
        table = Table("case", "contender", "s", "x bare product", "asked for", "rows with other indices")
        for case in cases:
            result = timed(case, share, threads, repeats) | {
                "load": os.getloadavg()[0],
                "goal": CASES[case][1],
            }
            results.append(result)
            bare = result["seconds"]["bare torch.mm"]
            for name, spent in result["seconds"].items():
                goal = f"<= {CASES[case][1]}" if name == "ours" and CASES[case][1] > 0 else ""
                differ = result["rows_that_differ"].get(name, "")
                first = f"{CASES[case][0]} (load {result['load']:.1f})" if name == "bare torch.mm" else ""
                table.add_row(first, name, f"{spent:.4g}", f"{spent / bare:.3f}", goal, str(differ))
            ours = result["seconds"]["ours"]
            CONSOLE.print(
                f"{CASES[case][0]}, {threads} thread(s): ours {ours:.3g} s, {ours / bare:.3f} x bare product"
            )
        plural = "s, elapsed" if threads > 1 else ", CPU"
        CONSOLE.print(f"{threads} thread{plural} time; queries: {share:.0%} of what the case says")
        CONSOLE.print(table)
    return results


def nearest_by(name: str, queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Distance to the nearest reference (n,) as the named method returns it."""
    if name == "ours":
        return nearest_neighbours(queries, references, k=1, device="cpu")[0][:, 0]
    q, x = torch.from_numpy(queries), torch.from_numpy(references)
    if name.startswith("expanded"):
        squares = (x * x).sum(1) - 2 * (q @ x.T) + (q * q).sum(1)[:, None]
        least = squares.amin(1)
        return (least.clamp(min=0) if "clamped" in name else least).sqrt().double().numpy()
    if name == "torch.cdist":
        return torch.cdist(q, x).amin(1).double().numpy()
    if name == "scikit-learn":
        fitted = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(references)
        return fitted.kneighbors(queries)[0][:, 0].astype(float)
    least = [((part[:, None] - x).square().sum(2)).amin(1) for part in q.split(1 + 20_000_000 // x.numel())]
    return torch.cat(least).sqrt().double().numpy()


METHODS = (
    "expanded float32",
    "expanded and clamped",
    "torch.cdist",
    "scikit-learn",
    "differences float32",
    "ours",
)


def accuracy(count: int, queries: int) -> list[dict[str, Any]]:
    """Median relative error of d₁ and the share of NaN, at relative distances 1e-1 … 1e-6."""
    train, _, source = images()
    generator = np.random.default_rng(3)
    results = []
    for frame in ("raw", "centred", "offset 10"):
        base = train[:count]
        base = base - base.mean(0) if frame == "centred" else base + np.float32(10 * (frame == "offset 10"))
        chosen = generator.choice(count, queries, replace=False)
        table = Table(
            "relative distance", *METHODS, title=f"{source}, {frame}: median relative error of d₁ (NaN)"
        )
        for exponent in range(1, 7):
            step = generator.standard_normal((queries, base.shape[1]))
            lengths = np.linalg.norm(train[:count][chosen].astype(float), axis=1) * 10.0**-exponent
            step *= (lengths / np.linalg.norm(step, axis=1))[:, None]
            near = (base[chosen] + step).astype(np.float32)
            truth = np.array([
                np.sqrt(((base.astype(np.float64) - row) ** 2).sum(1).min()) for row in near.astype(np.float64)
            ])  # fmt: skip
            cells = []
            for name in METHODS:
                found = nearest_by(name, near, base)
                missing = float(np.isnan(found).mean())
                errors = np.abs(found / truth - 1)[~np.isnan(found)]
                median, worst = (
                    (float(np.median(errors)), float(errors.max())) if errors.size else (np.nan, np.nan)
                )
                results.append({
                    "frame": frame, "relative_distance": 10.0**-exponent, "method": name,
                    "median_error": median, "largest_error": worst, "nan_share": missing, "images": source,
                })  # fmt: skip
                cells.append(f"{median:.0e}" + (f" ({missing:.0%})" if missing else ""))
            table.add_row(f"1e-{exponent}", *cells)
        CONSOLE.print(table)
    return results


def save(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """Write rows as JSON, and flat as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")
    flat = []
    for row in rows:
        if "seconds" not in row:
            flat.append(row)
            continue
        for contender, seconds in row["seconds"].items():
            bare = row["seconds"]["bare torch.mm"]
            G, N, D = row["shape"]
            flat.append({
                "case": row["case"], "queries": G, "references": N, "dimension": D, "threads": row["threads"],
                "contender": contender, "seconds": seconds, "times_bare_product": seconds / bare,
                "load": row["load"],
            })  # fmt: skip
    header = list(flat[0])
    lines = [",".join(header)] + [",".join(str(row[key]) for key in header) for row in flat]
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Run what is asked for and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the queries, once; fewer accuracy queries"
    )
    parser.add_argument("--accuracy", action="store_true", help="the accuracy study instead of the times")
    parser.add_argument("--threads", type=int, nargs="*", help="numbers of threads (default: one, and all)")
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="folder for JSON and CSV")
    options = parser.parse_args()
    CONSOLE.print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}, "
        f"{torch.backends.cpu.get_cpu_capability()}"
    )
    if options.accuracy:
        rows = accuracy(1000 if options.quick else 4000, 50 if options.quick else 400)
    else:
        counts = options.threads or sorted({1, torch.get_num_threads()})
        share, repeats = (0.1, 1) if options.quick else (1.0, options.repeats)
        rows = speed(options.cases, counts, share, repeats)
    if options.out:
        save(options.out, "neighbour_accuracy" if options.accuracy else "neighbour_times", rows)


if __name__ == "__main__":
    main()
