"""Compiled Newton iteration on the self-consistent equations of the random-feature spectrum.

Where Im z > 0 the map sends {Im δ >= 0, Im Q >= 0} into itself and has one fixed point there, so a root
found in that set is the physical one; for z < 0 the same holds of {δ >= 0, Q >= 0}.
"""

import math

import numpy as np

from companion.compute.compiled import compiled, prange
from companion.theory.spectral_map_kernels import evaluate, solve_in_place

#: Neighbouring z that share starting points; fixed, so that results do not depend on the number of threads.
BLOCK = 16

_CONVERGED = 1e-11
#: What is accepted where rounding allows no better: a matrix 1 + κ Q far from well-conditioned.
ACCEPTED = 1e-8
_COLD_STEPS, _DAMPED_STEPS = 8, 5
_MOST_RETREATS = 3
_FEW_STEPS, _MOST_STEPS = 60, 8000


@compiled()
def _distances(x, image, classes, rank, real):
    """How far Φ(x) is from x: largest relative change, and the same in units that shrink at the set's border.

    The latter is about the hyperbolic metric, in which the map contracts: lengths count relative to the
    imaginary parts, or to the values where z is real. It is infinite outside of the set. Entries of q are
    measured by its diagonal.
    """
    change, warped = 0.0, 0.0
    size, inner = np.empty(rank), np.empty(rank)
    index = classes
    for c in range(classes + rank):
        i = c if c < classes else index
        here, there = (x[i].real, image[i].real) if real else (x[i].imag, image[i].imag)
        if here < 0.0 or there < 0.0:
            warped = math.inf
        inward = math.sqrt(max(here, 0.0)) * math.sqrt(max(there, 0.0)) + 1e-300
        outward = abs(image[i]) + 1e-300
        if c < classes:
            change = max(change, abs(x[i] - image[i]) / outward)
            warped = max(warped, abs(x[i] - image[i]) / inward)
        else:
            size[c - classes], inner[c - classes] = math.sqrt(outward), math.sqrt(inward)
            index += rank + classes - c
    index = classes
    for a in range(rank):
        for b in range(a, rank):
            gap = abs(x[index] - image[index])
            change = max(change, gap / (size[a] * size[b]))
            warped = max(warped, gap / (inner[a] * inner[b]))
            index += 1
    if not math.isfinite(change):
        return math.inf, math.inf
    return change, warped


@compiled()
def _find_root(z, x, problem, free, most_steps, response, projected):
    """Improve ``x`` to the root; return the last relative change, which is below 1e-8 if it was found.

    After ``free`` damped steps of the map itself come Newton steps. Those that leave the physical set, or
    do not come nearer, are shortened; where even short ones fail, damped steps, which never leave the set,
    take over for a while. One Newton step follows convergence: then rounding alone is left.
    """
    (classes, rank), size = problem[3].shape, x.size
    trial, step = x.copy(), np.empty((size, 1), np.complex128)
    image, trial_image = np.empty(size, np.complex128), np.empty(size, np.complex128)
    jacobian = np.empty((size, size), np.complex128)
    error, merit, length, polishing, retreats = math.inf, math.inf, 1.0, False, 0
    free += 1
    for count in range(most_steps):
        if count > 0:
            for i in range(size):
                trial[i] = 0.4 * x[i] + 0.6 * image[i] if free > 0 else x[i] + length * step[i, 0]
        inside = evaluate(z, trial, problem, response, trial_image, jacobian, projected)
        trial_error, trial_merit = _distances(trial, trial_image, classes, rank, z.imag == 0.0)
        allowed = _CONVERGED if polishing else 0.0
        if count == most_steps - 1 or retreats > _MOST_RETREATS:
            allowed = ACCEPTED
        if inside and trial_error <= allowed:
            x[:] = trial
            return trial_error
        if free > 0 or (inside and trial_merit < (1.0 - 0.25 * length) * merit):
            if free == 0 and length == 1.0:
                retreats = 0
            x[:], image[:] = trial, trial_image
            error, merit, length = trial_error, trial_merit, 1.0
            free = max(free - 1, 0)
            if free == 0:
                polishing = inside and error <= _CONVERGED
                for i in range(size):
                    step[i, 0] = image[i] - x[i]
                if not (inside and solve_in_place(jacobian, step)):
                    free = _DAMPED_STEPS
        else:
            length *= 0.25
            if length < 0.01:
                free = _DAMPED_STEPS
                retreats += 1
    return max(error, 2.0 * ACCEPTED)


@compiled()
def solve_block(z, problem, x, response, projected, errors):
    """Solve at each of ``z`` (n,), which go in small steps; the solution at one starts the next.

    Where that fails, and at first, the way leads from far above z, where a few steps of the map are
    enough, down to z: in factors of ten, or smaller ones where these are too long.
    """
    known = np.empty(x.shape[1], np.complex128)
    for index in range(z.size):
        target = z[index]
        top = max(target.imag, 2.0 * abs(target)) if target.imag > 0.0 else 0.0
        warm = index > 0 and errors[index - 1] <= ACCEPTED
        height = target.imag if warm else top
        known[:] = 0.0j
        if warm:
            known[:] = x[index - 1]
        fresh, reached, shrink = not warm, top, 0.1
        while True:
            x[index] = known
            errors[index] = _find_root(
                complex(target.real, height),
                x[index],
                problem,
                _COLD_STEPS if fresh else 0,
                _MOST_STEPS if fresh or shrink > 0.8 else _FEW_STEPS,
                response[index],
                projected[index],
            )
            if errors[index] <= ACCEPTED:
                if height <= target.imag:
                    break
                known[:], reached = x[index], height
                fresh, shrink = False, max(shrink * shrink, 0.01)
            elif warm:
                known[:], reached = 0.0j, top
                warm, fresh = False, True
            elif fresh or shrink > 0.9:
                break
            else:
                shrink = math.sqrt(shrink)
            height = top if fresh else max(reached * shrink, target.imag)


@compiled(parallel=True)
def solve_blocks(z, problem, x, response, projected, errors):
    """``solve_block`` on blocks of fixed length, in parallel."""
    for block in prange((z.size + BLOCK - 1) // BLOCK):
        part = slice(block * BLOCK, min((block + 1) * BLOCK, z.size))
        solve_block(z[part], problem, x[part], response[part], projected[part], errors[part])
