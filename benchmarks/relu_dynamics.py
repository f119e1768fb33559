"""Cost of the dynamics of ReLU students: noise matrix, chain, flow, stationary states.

    python benchmarks/relu_dynamics.py

Prints one line per measurement: the best of some repetitions, compiled code warm, on one thread.
"""

import time
from collections.abc import Callable

import numba
import numpy as np

from companion.theory.relu_attractors import flow_jacobian, stationary_state
from companion.theory.relu_flow import solve_flow
from companion.theory.relu_landscape import family, overlaps
from companion.theory.relu_noise import noise_matrix, noise_slopes, sampled_noise_matrix
from companion.training.relu_chain import initial_overlaps, run_chain
from companion.training.relu_sgd import run_sgd


def seconds(call: Callable[[], object], repetitions: int = 5) -> float:
    """Shortest time of ``call``, after one call that compiles."""
    call()
    times = []
    for _ in range(repetitions):
        start = time.process_time()  # of this process: others share the machine
        call()
        times.append(time.process_time() - start)
    return min(times)


def report(name: str, value: float, unit: str, bound: str = "") -> None:
    """One line of the table."""
    print(f"{name:58s} {value:10.3f} {unit:8s} {bound}", flush=True)


def noise() -> None:
    """N at generic overlaps and, where all fields are nearly coplanar in fours, at minima."""
    for students, bound in ((6, "< 50"), (10, "< 300"), (20, "")):
        rng = np.random.default_rng(0)
        W, V = rng.standard_normal((2, students, 3 * students)) / np.sqrt(3 * students)
        generic = overlaps(W, V)
        minimum = overlaps(family("I", 1, students).weights, np.eye(students))
        repetitions = 2 if students == 20 else 5
        for name, these in (("generic", generic), ("at I(1)", minimum)):
            cost = seconds(lambda these=these: noise_matrix(*these), repetitions)
            report(f"noise matrix, K = M = {students}, {name}", 1e3 * cost, "ms", bound)
        cost = seconds(lambda these=generic: sampled_noise_matrix(*these), 2)
        report(f"  quasi-Monte-Carlo, 2^14 points, K = M = {students}", 1e3 * cost, "ms")
        if students < 20:
            cost = seconds(lambda these=generic: noise_slopes(*these), 2)
            report(f"  exact derivatives, K = M = {students}", 1e3 * cost, "ms")


def chain() -> None:
    """Steps of the chain against d: flat within 10 %; and of the weights."""
    steps, exponents = 100_000, (2, 3, 4, 6, 9)
    for students in (2, 8):
        # Label noise keeps all runs in motion; the repetitions alternate, as the machine has moods.
        starts = {}
        for exponent in exponents:
            d = 10**exponent
            Q, R = initial_overlaps(students, np.eye(students), d, [0], 0)
            starts[exponent] = (Q, R, np.eye(students), [steps / d], 0.1, d, [0], 0, 0.1)
        costs = dict.fromkeys(exponents, np.inf)
        for _ in range(20):
            for exponent, start in starts.items():
                cost = seconds(lambda start=start: run_chain(*start), 1) / steps
                costs[exponent] = min(costs[exponent], cost)
        for exponent, cost in costs.items():
            report(f"chain, K = M = {students}, d = 10^{exponent}", 1e6 * cost, "us/step")
        spread = max(costs.values()) / min(costs.values()) - 1
        report(f"  spread over d, K = M = {students}", 100 * spread, "%", "< 10")
    for dimension in (100, 1000):
        W = np.random.default_rng(0).standard_normal((8, dimension)) / np.sqrt(dimension)
        start = (W, np.eye(8, dimension), [2e4 / dimension], 0.1, [0], 0)
        report(
            f"weights, K = M = 8, d = {dimension}",
            50 * seconds(lambda start=start: run_sgd(*start), 3),
            "us/step",
        )


def flow() -> None:
    """Trajectories from a random start, linearisation and stationary states."""
    for students in (2, 6):
        Q, R = initial_overlaps(students, np.eye(students), 1000, [0], 0)
        start = (Q, R, np.eye(students), np.linspace(0, 100, 101), 0.2)
        for kind in ("none", "exact"):
            cost = seconds(lambda start=start, kind=kind: solve_flow(*start, kind), 2)
            report(f"flow to t = 100, eta = .2, K = M = {students}, noise {kind}", 1e3 * cost, "ms")
    for students in (7, 10):
        minimum = family("I", 1, students)
        these = overlaps(minimum.weights, np.eye(students))
        report(
            f"Jacobian, I(1), K = M = {students}",
            1e3 * seconds(lambda these=these: flow_jacobian(*these, 0.1)),
            "ms",
        )
        cost = seconds(lambda minimum=minimum: stationary_state(minimum, 0.1), 2)
        report(f"stationary state with its spectrum, I(1), K = M = {students}", 1e3 * cost, "ms")


if __name__ == "__main__":
    numba.set_num_threads(1)
    noise()
    chain()
    flow()
