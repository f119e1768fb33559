"""Cost and accuracy of the two-task flow of a soft committee: ours against arrays, SciPy and a loop over entries.

    python benchmarks/committee.py [--device cuda]

Prints one line per measurement: the best of some repetitions on one thread, compiled code warm, CPU time of this
process (of a GPU: elapsed time). The peer is a stand-in, written from the equations, for codes that follow one
condition with forward Euler and evaluate each integral from a small covariance matrix of its own.
"""

import argparse
import itertools
import math
import os
import time
from collections.abc import Callable, Sequence
from functools import partial

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from companion.theory.committee_conditions import Conditions, drawn_start, two_task_conditions
from companion.theory.soft_committee import solve_two_tasks
from companion.training.committee_flow import solve_two_tasks_torch
from companion.training.online_sgd import run_two_tasks

Floats = NDArray[np.float64]

SIZES = {(2, 1): (1.0, "< 1.5"), (4, 2): (0.5, "< 6")}  # students, teachers: learning rate, goal in us
PEER_STEP = 1e-3


def seconds(call: Callable[[], object], repetitions: int = 5, *, elapsed: bool = False) -> float:
    """Shortest time of ``call``, after one call that compiles."""
    clock = time.perf_counter if elapsed else time.process_time
    call()
    times = []
    for _ in range(repetitions):
        start = clock()
        call()
        times.append(clock() - start)
    return min(times)


def report(name: str, value: float, unit: str, bound: str = "") -> None:
    """One line of the table."""
    print(f"{name:66s} {value:11.4g} {unit:8s} {bound}", flush=True)


def conditions(students: int, teachers: int, count: int) -> Conditions:
    """Conditions with a start, a similarity and readouts of their own."""
    random = np.random.default_rng(0)
    start = drawn_start(students, teachers, 1000, 0.3, range(count), 0)
    readouts = 0.5 * random.standard_normal((2, count, students))
    rate = SIZES[students, teachers][0]
    return two_task_conditions(
        start, readouts[0], readouts[1], random.uniform(0, 1, count), learning_rate=rate
    )


# The peer: forward Euler on one condition, one scalar integral after the other.


def small_covariance(C: Floats, fields: Sequence[int]) -> Floats:
    """Covariance of a few fields, copied entry by entry and checked to be one."""
    found = np.zeros((len(fields), len(fields)))
    for row, first in enumerate(fields):
        for column, second in enumerate(fields):
            found[row, column] = C[first, second]
    if np.linalg.det(found) < -1e-8:
        raise ArithmeticError(f"no covariance of fields {fields}")
    return found


def scalar_i2(c: Floats) -> float:
    """E[g(a) g(b)] from a 2 x 2 covariance."""
    return 2 / math.pi * math.asin(c[0, 1] / math.sqrt((1 + c[0, 0]) * (1 + c[1, 1])))


def scalar_i3(c: Floats) -> float:
    """E[g'(k) n g(a)] from a 3 x 3 covariance."""
    root = math.sqrt((1 + c[0, 0]) * (1 + c[2, 2]) - c[0, 2] ** 2)
    return 2 / math.pi / root * (c[1, 2] * (1 + c[0, 0]) - c[0, 1] * c[0, 2]) / (1 + c[0, 0])


def scalar_i4(c: Floats) -> float:
    """E[g'(i) g'(k) g(a) g(b)] from a 4 x 4 covariance, in the textbook's determinants."""
    d, e = 1 + c[0, 0], 1 + c[1, 1]
    fourth = d * e - c[0, 1] ** 2
    none = fourth * c[2, 3] - c[1, 2] * c[1, 3] * d - c[0, 2] * c[0, 3] * e
    none += c[0, 1] * (c[0, 2] * c[1, 3] + c[0, 3] * c[1, 2])
    first = fourth * (1 + c[2, 2]) - c[1, 2] ** 2 * d - c[0, 2] ** 2 * e + 2 * c[0, 1] * c[0, 2] * c[1, 2]
    second = fourth * (1 + c[3, 3]) - c[1, 3] ** 2 * d - c[0, 3] ** 2 * e + 2 * c[0, 1] * c[0, 3] * c[1, 3]
    return 4 / math.pi**2 / math.sqrt(fourth) * math.asin(none / math.sqrt(first * second))


def peer_slopes(C: Floats, readout: Floats, teacher: Floats, rate: float) -> tuple[Floats, Floats]:
    """Right-hand side of the first task for the fields [students | teacher 1 | teacher 2]."""
    K, M = len(readout), len(teacher)
    signs = [*(-readout), *teacher]
    slope, head = np.zeros_like(C), np.zeros(K)
    for k in range(K):
        for n in range(K, K + 2 * M):
            total = 0.0
            for a in range(K + M):
                total += signs[a] * scalar_i3(small_covariance(C, (k, n, a)))
            slope[k, n] = slope[n, k] = rate * readout[k] * total
        for a in range(K + M):
            head[k] += rate * signs[a] * scalar_i2(small_covariance(C, (k, a)))
    for i, k in itertools.product(range(K), repeat=2):
        for a in range(K + M):
            slope[i, k] += rate * readout[i] * signs[a] * scalar_i3(small_covariance(C, (i, k, a)))
            slope[i, k] += rate * readout[k] * signs[a] * scalar_i3(small_covariance(C, (k, i, a)))
            for b in range(K + M):
                noise = signs[a] * signs[b] * scalar_i4(small_covariance(C, (i, k, a, b)))
                slope[i, k] += rate**2 * readout[i] * readout[k] * noise
    return slope, head


def peer(given: Conditions, step: float, steps: int) -> Floats:
    """Rows of the students' covariance after some steps of forward Euler on the first condition."""
    C, readout = given.covariance[0].copy(), given.readouts[0, 0].copy()
    for _ in range(steps):
        slope, head = peer_slopes(C, readout, given.teacher_readouts[0, 0], given.learning_rate[0])
        C, readout = C + step * slope, readout + step * head
    return C[: given.students]


# Arrays of NumPy, all conditions at once.


def array_slopes(C: Floats, readout: Floats, teacher: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """Right-hand side of the first task, batched: C (B, N, N), readout (B, K), teacher (B, M), rate (B,)."""
    K, M = readout.shape[1], teacher.shape[1]
    A = K + M
    signs = np.concatenate([-readout, teacher], axis=1)
    D = 1 + np.diagonal(C, axis1=1, axis2=2)
    near, scale = C[:, :K, :A], D[:, :K, None] * D[:, None, :A]
    head = rate[:, None] * 2 / np.pi * np.einsum("ba,bka->bk", signs, np.arcsin(near / np.sqrt(scale)))
    P = signs[:, None] / np.sqrt(scale - near**2)
    X = P @ C[:, :A] - C[:, :K] * ((P * near).sum(2) / D[:, :K])[..., None]
    X *= (rate[:, None] * readout * 2 / np.pi)[..., None]
    inverse = np.empty((len(C), K, K, 2, 2))
    inverse[..., 0, 0], inverse[..., 1, 1] = D[:, None, :K], D[:, :K, None]
    inverse[..., 0, 1] = inverse[..., 1, 0] = -C[:, :K, :K]
    L = D[:, :K, None] * D[:, None, :K] - C[:, :K, :K] ** 2
    pairs = np.stack(np.broadcast_arrays(near[:, :, None], near[:, None]), axis=3)
    known = np.einsum("bikxa,bikxy,bikyc->bikac", pairs, inverse / L[..., None, None], pairs)
    left = C[:, None, None, :A, :A] - known
    root = 1 / np.sqrt(1 + np.diagonal(left, axis1=3, axis2=4))
    angle = np.arcsin(left * root[..., :, None] * root[..., None, :])
    noise = 4 / np.pi**2 / np.sqrt(L) * np.einsum("ba,bikac,bc->bik", signs, angle, signs)
    slope = np.zeros_like(C)
    slope[:, :K] = X
    slope[:, :, :K] += X.swapaxes(1, 2)
    slope[:, :K, :K] += (rate**2)[:, None, None] * readout[:, :, None] * readout[:, None] * noise
    return slope, head


def right_hand_sides(device: str) -> None:
    """Cost of a right-hand side for one condition."""
    for (K, M), (_, goal) in SIZES.items():
        options = {"first_time": 10.0, "second_time": 0.0, "times": [], "overlaps": False}
        many = conditions(K, M, 512)
        cost = seconds(partial(solve_two_tasks, many, **options))
        report(f"right-hand side, K = {K}, M = {M}, compiled", 1e6 * cost / many.size / 200, "us", goal)
        known = many.covariance, many.readouts[:, 0], many.teacher_readouts[:, 0], many.learning_rate
        cost = seconds(partial(array_slopes, *known), 10)
        report("  batched NumPy, 512 conditions", 1e6 * cost / many.size, "us")
        options["first_time"] = 1.0
        cost = seconds(partial(solve_two_tasks_torch, many, **options), 3)
        report("  batched torch on the processor, 512 conditions", 1e6 * cost / many.size / 20, "us")
        if device != "cpu":
            for count in (1000, 10_000, 100_000):
                many = conditions(K, M, 1000).part(np.arange(count) % 1000)
                call = partial(solve_two_tasks_torch, many, **options, device=device)
                cost = seconds(call, 3, elapsed=True)
                report(f"  batched torch on {device}, {count} conditions", 1e6 * cost / count / 20, "us")


def curves() -> None:
    """A forgetting curve, a table of consolidation, one condition with SciPy, SGD."""
    similarity, even = np.linspace(0, 1, 11), [0.3 / math.sqrt(2)] * 2
    start = drawn_start(2, 1, 1000, 1e-3, [0], 0)[0]
    one = two_task_conditions(start, [0.3, 0.0], even, similarity)
    cost = seconds(partial(solve_two_tasks, one, times=[]))
    report("forgetting curve, 11 similarities, 200 + 200 units", cost, "s", "< .3")
    strength = np.array([0, 0.03, 0.1, 0.3, 1, 3, 10])[:, None]
    table = two_task_conditions(start, [0.3, 0.0], even, similarity, consolidation=strength)
    report("  7 strengths of consolidation", seconds(partial(solve_two_tasks, table, times=[])), "s")

    given = conditions(2, 1, 1)
    options = {"first_time": 50.0, "second_time": 0.0, "times": []}
    exact = solve_two_tasks(given, step=0.005, **options).isel(time=-1).Q.values[0]
    error = np.abs(solve_two_tasks(given, **options).isel(time=-1).Q.values[0] - exact).max()
    cost = seconds(partial(solve_two_tasks, given, **options))
    report("one condition, 50 units, ours", 1e3 * cost, "ms", f"error {error:.0e}")
    C, state = given.covariance, np.concatenate([given.covariance.ravel(), given.readouts[0, 0]])

    def slopes(_: float, values: Floats) -> Floats:
        found = array_slopes(
            values[:-2].reshape(C.shape), values[None, -2:], given.teacher_readouts[:, 0], given.learning_rate
        )
        return np.concatenate([each.ravel() for each in found])

    for method in ("LSODA", "RK45"):
        call = partial(solve_ivp, slopes, (0, 50.0), state, method, rtol=1e-6, atol=1e-9)
        found = call()
        error = np.abs(found.y[:-2, -1].reshape(C.shape)[0, :2, :2] - exact).max()
        name = f"  SciPy's {method}, {found.nfev} right-hand sides in NumPy"
        report(name, 1e3 * seconds(call, 3), "ms", f"error {error:.0e}")
    for K, M in SIZES:
        given = conditions(K, M, 1)
        for count in (1, 11):
            many = given.part(np.zeros(count, dtype=np.int64))
            call = partial(run_two_tasks, many, 1000, [0], 0, first_time=5.0, second_time=5.0)
            cost = seconds(call, 3) / 10 / count
            report(f"SGD, d = 1000, a unit of time, K = {K}, M = {M}, {count} conditions", 1e3 * cost, "ms")


def against_the_peer() -> None:
    """Time for a unit of time and one condition, and errors after four units."""
    for (K, M), steps in zip(SIZES, (400, 10), strict=True):
        many = conditions(K, M, 512)
        options = {"first_time": 4.0, "second_time": 0.0, "times": []}
        ours = seconds(partial(solve_two_tasks, many, **options)) / many.size / 4
        exact = solve_two_tasks(many.part(slice(0, 1)), step=1e-3, **options).isel(time=-1)
        found = solve_two_tasks(many.part(slice(0, 1)), **options).isel(time=-1)
        error = float(np.abs(found.Q - exact.Q).max())
        report(f"a unit of time, K = {K}, M = {M}, ours", 1e6 * ours, "us", f"error {error:.0e}")
        start = time.process_time()
        end = peer(many.part(slice(0, 1)), 0.01, steps)
        each = (time.process_time() - start) / steps
        report("  peer, a right-hand side", 1e3 * each, "ms")
        report(f"  peer, Euler with step {PEER_STEP:g}", each / PEER_STEP, "s")
        report("  peer / ours", each / PEER_STEP / ours, "times", ">= 1e4")
        if steps == 400:
            error = float(np.abs(end[:, :K] - exact.Q.values[0]).max())
            report("  peer, Euler with step .01: error after 4 units", error, "")
            end = peer(many.part(slice(0, 1)), PEER_STEP, round(4 / PEER_STEP))
            error = float(np.abs(end[:, :K] - exact.Q.values[0]).max())
            report(f"  peer, Euler with step {PEER_STEP:g}: error after 4 units", error, "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", help="also measure the torch form there")
    chosen = parser.parse_args()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    print(f"load {os.getloadavg()[0]:.1f}")
    right_hand_sides(chosen.device)
    curves()
    against_the_peer()
    print(f"load {os.getloadavg()[0]:.1f}")
