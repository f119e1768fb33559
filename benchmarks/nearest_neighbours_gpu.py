"""Benchmark of the exact nearest neighbours on a GPU: against brute force in torch, with the share of the card's rates.

    python benchmarks/nearest_neighbours_gpu.py [--quick] [--device cuda] [--out FOLDER] [--check ROWS]

The two nearest of G queries among N references in D coordinates. Brute force is `torch.mm` in float32, TF32 and
bfloat16 with the norms added and `topk`, block by block; it is inexact where it matters. Rates are those of bare
products on this card, measured here: the share of a rate is 2 G N D over the time, over the rate. Queries and
references lie on the card already; ours returns to the host. Indices and distances of some rows are compared
with the search on the processor, bit for bit.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nearest_neighbours import images, isotropic, power_law
from rich.console import Console
from rich.table import Table

from companion.analysis.neighbours import Reference

CONSOLE = Console(width=150)


def finish(device: str) -> None:
    """Wait until the device has done what was asked of it."""
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(task: Callable[[], Any], device: str, repeats: int) -> float:
    """The shortest elapsed time of the task, after one run that does not count."""
    task()
    best = np.inf
    for _ in range(repeats):
        finish(device)
        start = time.perf_counter()
        task()
        finish(device)
        best = min(best, time.perf_counter() - start)
    return best


def rates(device: str, size: int, repeats: int) -> dict[str, float]:
    """Operations per second of bare products (size, size) x (size, size), by kind."""
    found = {}
    for name, dtype, tf32 in (
        ("float32", torch.float32, False),
        ("TF32", torch.float32, True),
        ("bfloat16", torch.bfloat16, False),
        ("float64", torch.float64, False),
        ("int8", torch.int8, False),
    ):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        if dtype == torch.int8:
            a = torch.randint(-127, 128, (size, size), dtype=dtype, device=device)
            spent = seconds(lambda: torch._int_mm(a, a.T), device, repeats)  # noqa: B023
        else:
            a = torch.randn(size, size, device=device).to(dtype)
            spent = seconds(lambda: torch.mm(a, a.T), device, repeats)  # noqa: B023
        found[name] = 2.0 * size**3 / spent
    torch.backends.cuda.matmul.allow_tf32 = False
    return found


def brute_force(
    queries: torch.Tensor, references: torch.Tensor, dtype: torch.dtype, block: int
) -> torch.Tensor:
    """Indices (n, 2) by the expansion |x|² - 2 q·x and topk."""
    squares = references.square().sum(1)
    narrow = references.to(dtype)
    found = []
    for part in queries.to(dtype).split(block):
        values = torch.mm(part, narrow.T).float().mul_(-2).add_(squares)
        found.append(values.topk(2, largest=False).indices)
    return torch.cat(found)


CASES = {
    "images, 1e4 x 1e4": "few",
    "images, 1e4 x 6e4": "many",
    "images against themselves, 6e4": "self",
    "isotropic, 1e4 x 1e4": "isotropic",
    "power law, 1e4 x 1e4, D = 3072": "power law",
}


def case(kind: str, quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """Queries and references, float32."""
    share = 10 if quick else 1
    if kind in ("few", "many", "self"):
        train, test, _ = images()
        queries = train if kind == "self" else test
        return queries[: len(queries) // share], train[:10_000] if kind == "few" else train
    both = isotropic(20_000, 784, 2) if kind == "isotropic" else power_law(20_000, 3072, 1.5, 1)
    return both[: 10_000 // share], both[10_000:]


def main() -> None:
    """Run everything and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the queries, once")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to see that it runs")
    parser.add_argument("--check", type=int, default=2000, help="rows compared with the processor")
    parser.add_argument("--out", type=Path, help="folder for JSON")
    options = parser.parse_args()
    device, repeats = options.device, 1 if options.quick else 5
    name = torch.cuda.get_device_name() if device == "cuda" else f"processor, load {os.getloadavg()[0]:.1f}"
    peak = rates(device, 8192 if device == "cuda" else 1024, repeats)
    CONSOLE.print(f"{name}, torch {torch.__version__}; bare products, Tflop/s: ", end="")
    CONSOLE.print(", ".join(f"{kind} {rate / 1e12:.4g}" for kind, rate in peak.items()))
    table = Table(
        "case",
        "method",
        "ms",
        "x ours",
        *(f"share of {kind}" for kind in ("float32", "TF32", "int8")),
        "rows wrong",
    )
    results: list[dict[str, Any]] = []
    for label, kind_of_case in CASES.items():
        queries, references = case(kind_of_case, options.quick)
        q, x = torch.from_numpy(queries).to(device), torch.from_numpy(references).to(device)
        reference = Reference(references, method="screen")
        operations = 2.0 * len(queries) * references.size
        start = time.perf_counter()
        searcher = reference.preparation.device_searcher(device)
        finish(device)
        prepared = time.perf_counter() - start
        ours = seconds(lambda: reference._search_on(device, q, 2, 1), device, repeats)  # noqa: B023
        found = reference._search_on(device, q, 2, 1)
        block = max(1, 2**28 // len(references))
        rows = [("ours, exact", ours, 0)]
        for kind, dtype, tf32 in (
            ("float32 + topk", torch.float32, False),
            ("TF32 + topk", torch.float32, True),
            ("bfloat16 + topk", torch.bfloat16, False),
        ):
            torch.backends.cuda.matmul.allow_tf32 = tf32
            spent = seconds(lambda: brute_force(q, x, dtype, block), device, repeats)  # noqa: B023
            differ = (brute_force(q, x, dtype, block).cpu().numpy() != found.indices).any(1).sum()
            rows.append((kind, spent, int(differ)))
        torch.backends.cuda.matmul.allow_tf32 = False
        some = slice(0, len(queries), max(1, len(queries) // options.check))
        check = reference.search(queries[some], device="cpu")
        same = bool(
            (check.indices == found.indices[some]).all() and (check.distances == found.distances[some]).all()
        )
        for method, spent, wrong in rows:
            shares = [f"{operations / spent / peak[kind]:.1%}" for kind in ("float32", "TF32", "int8")]
            ratio = f"{spent / ours:.2f}"
            table.add_row(
                label if spent == ours else "", method, f"{1e3 * spent:.4g}", ratio, *shares, str(wrong)
            )
            results.append({
                "case": label, "shape": [*q.shape, len(x)], "method": method, "seconds": spent, "rows_wrong": wrong,
                "prepared_seconds": prepared, "device": name, "equal_to_processor": same,
                "uncertified": found.uncertified, "mean_survivors": float(found.survivors.mean()),
            })  # fmt: skip
        CONSOLE.print(
            f"{label}: prepared in {1e3 * prepared:.0f} ms, {found.survivors.mean():.1f} measured per query, "
            f"uncertified {found.uncertified}, codes {tuple(searcher.codes.shape)}; the bits of the processor: {same}"
        )
        if not same:
            raise SystemExit("the GPU's result is not the processor's")
    CONSOLE.print(table)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"rates": peak, "results": results}, indent=1)
        (options.out / "neighbour_gpu.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
