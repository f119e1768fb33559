"""Benchmark of random-features score models at finite size: exact matrices, learning curves, spectra.

    python benchmarks/random_features_simulation.py [--quick]

The peers do the same work with what a notebook would use: drawn noise averaged by numpy, 40-node
Gauss-Hermite sums, explicit descent on the exact matrices, scikit-learn's Ridge on noisy copies, LAPACK.
Errors are relative: of U in operator norm, of losses at most. One thread; the best of three processor times.
"""

import argparse
import platform
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import Ridge

from companion.datasets.gaussian_mixture import Samples, sample
from companion.models.feature_densities import stieltjes
from companion.models.feature_learning_curves import ScoreFlow
from companion.models.feature_spectra import lanczos_quadrature
from companion.models.random_features import RandomFeatures, draw_features
from companion.store.threads import one_thread
from companion.theory.mixtures import Mixture

PAIR = Mixture((0.5, 0.5), (1.5, 0.5), ((1.0, 0.0), (0.0, 1.0)))


def _seconds(task: Callable[[], object], repeats: int = 3) -> float:
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()  # of this process: others share the machine
        task()
        best = min(best, time.process_time() - start)
    return best


def _setting(dimension: int, sample_ratio: int, feature_ratio: int) -> tuple[Samples, RandomFeatures]:
    random = np.random.default_rng(0)
    samples = sample(PAIR, sample_ratio * dimension, dimension, random)
    return samples, draw_features(PAIR, feature_ratio * dimension, dimension, random)


def _noisy(
    samples: Samples, model: RandomFeatures, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    noise = random.standard_normal(samples.points.shape)
    points = PAIR.contraction * samples.points + np.sqrt(PAIR.noise_variance) * noise
    return model.features(points), noise


def _drawn(samples: Samples, model: RandomFeatures, draws: int) -> np.ndarray:
    """U averaged over drawn noises."""
    random, total = np.random.default_rng(1), 0.0
    for _ in range(draws):
        features, _ = _noisy(samples, model, random)
        total = total + features.T @ features
    return np.asarray(total) / (draws * samples.labels.size)


def _gauss_hermite(samples: Samples, model: RandomFeatures, order: int = 4) -> np.ndarray:
    """The expansion as it stands: 40 nodes for every field, one matrix for every power."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / np.sqrt(2 * np.pi)
    rows = model.W / np.sqrt(model.W.shape[1])
    radii = np.linalg.norm(rows, axis=1)
    correlations = (rows / radii[:, None]) @ (rows / radii[:, None]).T
    fields, deviations = PAIR.contraction * rows @ samples.points.T, np.sqrt(PAIR.noise_variance) * radii
    values = np.tanh(fields[..., None] + deviations[:, None, None] * nodes)
    U, factorial = np.zeros_like(correlations), 1.0
    for power in range(order + 1):
        factorial *= max(power, 1)
        c = values @ (weights * np.polynomial.hermite_e.hermeval(nodes, np.eye(order + 1)[power]))
        U += correlations**power * (c @ c.T) / (factorial * samples.labels.size)
    np.fill_diagonal(U, (values**2 @ weights).mean(axis=1))
    return U


def _matrices(quick: bool) -> list[tuple[str, ...]]:
    samples, model = _setting(100, 4, 8)
    reference = model.train_matrices(samples, order=10).weighted().features
    size = np.linalg.norm(reference, 2)

    def row(name: str, task: Callable[[], np.ndarray]) -> tuple[float, float, tuple[str, ...]]:
        ends: list[np.ndarray] = []
        seconds = _seconds(lambda: ends.append(task()))
        error = float(np.linalg.norm(ends[-1] - reference, 2) / size)
        return seconds, error, ("U, d = 100, n = 400, p = 800", name, f"{seconds:.3f}", f"{error:.1e}")

    model.train_matrices(samples)  # compiles, and tabulates the coefficients
    _, error, first = row(
        "ours, to ρ⁴, both classes", lambda: model.train_matrices(samples).weighted().features
    )
    rows = [first, row("numpy, 40 nodes for every field", lambda: _gauss_hermite(samples, model))[2]]
    draws = 40 if quick else 400
    seconds, rough, last = row(f"numpy, {draws} drawn noises", lambda: _drawn(samples, model, draws))
    needed = seconds * (rough / error) ** 2
    return [*rows, last, ("", "… until it is as accurate (like draws^-1/2)", f"{needed:.2g}", f"{error:.1e}")]


def _curves() -> list[tuple[str, ...]]:
    samples, model = _setting(40, 8, 16)
    times = np.geomspace(1e-3, 100, 200)
    ends: list = []
    seconds = _seconds(lambda: ends.append(model.score_flow(PAIR, samples).learning_curves(times)))
    work = "losses at 200 T <= 100, d = 40, n = 320, p = 640"
    rows = [(work, "ours, matrices included", f"{seconds:.3f}", "")]
    train, population = model.train_matrices(samples), model.population_matrices(PAIR, samples.centroids)
    U, V = train.weighted()
    step = 1.0 / float(np.linalg.eigvalsh(U)[-1])
    tested: list = []

    def descend() -> None:
        B, marks, losses = np.zeros(V.T.shape), np.unique((times / step).astype(int)), []
        for taken in range(int(100 / step) + 1):
            if taken in marks:
                losses.append(population.losses(B))
            B -= step * (B @ U + V.T)
        tested.append(np.array(losses)[-1])

    seconds = _seconds(descend, 1)
    error = np.abs(tested[-1] / ends[-1].test[-1] - 1).max()
    return [*rows, ("", "numpy, explicit steps 1/λ_max on our matrices", f"{seconds:.3f}", f"{error:.1e}")]


def _ridge(quick: bool) -> list[tuple[str, ...]]:
    samples, model = _setting(40, 4, 8)
    train, population = model.train_matrices(samples), model.population_matrices(PAIR, samples.centroids)
    exact = ScoreFlow(train, population).ridge_path([0.03]).test[0]
    seconds = _seconds(lambda: model.score_flow(PAIR, samples).ridge_path([0.03]))
    rows = [("test losses at ridge .03, d = 40, n = 160, p = 320", "ours", f"{seconds:.3f}", "")]
    copies = 20 if quick else 200
    fitted: list = []

    def fit() -> None:
        random = np.random.default_rng(1)
        features, noise = zip(*(_noisy(samples, model, random) for _ in range(copies)), strict=True)
        alpha = 0.03 * copies * samples.labels.size
        fit = Ridge(alpha=alpha, fit_intercept=False).fit(np.vstack(features), -np.vstack(noise))
        fitted.append(population.losses(fit.coef_))

    seconds = _seconds(fit, 1)
    error = np.abs(fitted[-1] / exact - 1).max()
    return [*rows, ("", f"scikit-learn Ridge, {copies} noisy copies", f"{seconds:.3f}", f"{error:.1e}")]


def _spectrum(quick: bool) -> list[tuple[str, ...]]:
    dimension = 100 if quick else 300
    samples, model = _setting(dimension, 4, 8)
    random = np.random.default_rng(2)
    equivalent = model.gaussian_equivalent(PAIR, samples, random)
    z = -np.geomspace(0.01, 10, 20)
    exact: list = []

    def diagonalise() -> None:
        exact.append(stieltjes(np.linalg.eigvalsh(equivalent.matrices().weighted().features), z).real)

    seconds = _seconds(diagonalise, 1)
    rows = [(f"g(z < 0), equivalents, p = {8 * dimension}", "LAPACK eigenvalues", f"{seconds:.3f}", "")]
    found: list = []

    def approximate() -> None:
        quadrature = lanczos_quadrature(equivalent.product, 8 * dimension, 40, 8, np.random.default_rng(3))
        found.append(quadrature.stieltjes(z).real)

    seconds = _seconds(approximate)
    error = np.abs(found[-1] / exact[-1] - 1).max()
    return [*rows, ("", "ours, 40 Lanczos steps, 8 probes, no matrix", f"{seconds:.3f}", f"{error:.1e}")]


def main() -> None:
    """Run everything and print one table."""
    parser = argparse.ArgumentParser(description="Random-features score models: exact matrices and curves.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the draws, smaller spectra")
    quick = parser.parse_args().quick
    table = Table(title=f"{platform.machine()}, numpy {np.__version__}, float64, one thread")
    for name in ("work", "how", "seconds", "error"):
        table.add_column(name, justify="left" if name in ("work", "how") else "right")
    with one_thread():
        for rows in (_matrices(quick), _curves(), _ridge(quick), _spectrum(quick)):
            for row in rows:
                table.add_row(*row)
            table.add_section()
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
