"""The two-task flow of an erf soft committee as batched torch operations, on any device (arXiv:2503.02526).

The equations are those of ``companion.theory.soft_committee``, whose compiled code is the faster one on a processor
and takes no part here; this form is for a GPU and very many conditions.
"""

import math

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from companion.compute.devices import torch_device
from companion.theory.committee_conditions import Conditions
from companion.theory.committee_record import check_path, recorded, recorded_times
from companion.theory.soft_committee import STABLE, penalty_weights

Floats = NDArray[np.float64]

_TWO_OVER_PI = 2.0 / math.pi


def solve_two_tasks_torch(
    conditions: Conditions,
    *,
    first_time: float = 200.0,
    second_time: float = 200.0,
    step: float = 0.2,
    times: ArrayLike | None = None,
    overlaps: bool = True,
    device: str = "cpu",
) -> xr.Dataset:
    """What ``theory.soft_committee.solve_two_tasks`` returns, to rounding, computed in float64 on ``device``.

    ``times`` are as there; ``step`` is one number for all conditions. ``device``
    is "auto" (the session's), "cpu" or "cuda". Memory: about 4 K² (K + M)² numbers for each condition.

    Raises ValueError for bad times and for a step that is not positive or unstable with the consolidation,
    ArithmeticError, naming conditions, where the integration breaks down, RuntimeError for a missing device.
    """
    if not (math.isfinite(step) and step > 0):
        raise ValueError(f"step: {float(step)} given; allowed: a positive number")
    moments = recorded_times(times, first_time, second_time, points=24)
    switch = int(np.searchsorted(moments, first_time))
    where = torch_device(device)
    K, M, size = conditions.students, conditions.teachers, conditions.size
    path, heads = np.empty((size, len(moments), K, K + 2 * M)), np.empty((2, size, len(moments), K))
    heads[:] = conditions.readouts.swapaxes(0, 1)[:, :, None]
    whole = conditions.covariance
    path[:, 0] = whole[:, :K]
    flow = _Flow(conditions, whole[:, K:, K:], np.zeros((size, K)), 0, where)
    _follow(flow, path, heads[0], moments, slice(0, switch + 1), step)
    if second_time > 0:
        heads[0, :, switch + 1 :] = heads[0, :, switch, None]
        copied = conditions.copy_readout
        heads[1, copied, switch] = heads[0, copied, switch]
        weights = penalty_weights(conditions, path[:, switch, :, :K], heads[0, :, switch])
        pull = (conditions.learning_rate * conditions.consolidation)[:, None] * weights
        if 2.0 * step * pull.max() >= STABLE:
            worst = int(pull.max(axis=1).argmax())
            raise ValueError(
                f"step: {step:g} given, unstable with consolidation {conditions.consolidation[worst]:g} "
                f"(condition {worst}); allowed: below {STABLE / (2.0 * pull.max()):.3g}"
            )
        # The copies at the switch are fields too, the last ones.
        rows = path[:, switch]
        fixed = np.concatenate([rows[..., K:], rows[..., :K]], axis=2)
        others = np.concatenate([whole[:, K:, K:], rows[..., K:].swapaxes(1, 2)], axis=2)
        flow = _Flow(conditions, np.concatenate([others, fixed], axis=1), pull, 1, where)
        _follow(flow, path, heads[1], moments, slice(switch, len(moments)), step)
    check_path(path, whole[:, K:, K:], heads.sum(axis=0), np.arange(size), moments)
    found = np.moveaxis(heads, 0, 2)
    return recorded(conditions, path, found, moments, float(first_time), float(second_time), overlaps)


class _Flow:
    """Right-hand side of one task for rows (B, K, fields) of the students and readouts (B, K)."""

    def __init__(self, given: Conditions, others: Floats, pull: Floats, task: int, device: torch.device):
        def there(values: Floats) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(values), device=device)

        K, M = given.students, given.teachers
        self.quiet = given.gradient_flow
        self.device = device
        self.others, self.pull = there(others), there(pull)
        self.copies = others.shape[1] > 2 * M
        self.teacher = there(given.teacher_readouts[:, task])
        self.rate, self.readout_rate = there(given.learning_rate), there(given.readout_learning_rate)
        self.noise = there(given.label_noise)
        self.active = torch.tensor([*range(K), *range(K + task * M, K + (task + 1) * M)], device=device)
        self.first, self.second = torch.triu_indices(K, K, device=device)
        self.a, self.b = torch.triu_indices(K + M, K + M, device=device)
        # Each pair a < b stands for two terms of the sum.
        self.twice = torch.where(self.a == self.b, 1.0, 2.0).to(torch.float64)

    def __call__(self, rows: Tensor, readout: Tensor) -> tuple[Tensor, Tensor]:
        K = rows.shape[1]
        C = torch.cat([rows, torch.cat([rows[..., K:].mT, self.others], dim=2)], dim=1)
        signs = torch.cat([-readout, self.teacher], dim=1)
        D = 1.0 + torch.diagonal(C, dim1=1, dim2=2)
        near = rows[..., self.active]
        own, square = D[:, :K, None], D[:, None, self.active]
        drive = torch.asin((near * torch.rsqrt(own * square)).clamp(-1.0, 1.0))
        readout_slope = self.readout_rate[:, None] * _TWO_OVER_PI * (drive * signs[:, None]).sum(dim=2)
        P = signs[:, None] * torch.rsqrt(own * square - near * near)
        X = P @ C[:, self.active] - rows * ((P * near).sum(dim=2, keepdim=True) / own)
        X = X * (self.rate[:, None] * readout * _TWO_OVER_PI)[..., None]
        if self.copies:
            X = X - self.pull[..., None] * (rows - C[:, -K:])
        slope = X.clone()
        slope[..., :K] += X[..., :K].mT
        if not self.quiet:
            slope[..., :K] += self._of_single_samples(C, D, near, signs, readout)
        return slope, readout_slope

    def _of_single_samples(
        self, C: Tensor, D: Tensor, near: Tensor, signs: Tensor, readout: Tensor
    ) -> Tensor:
        """e_w² h_i h_k (Σ_ab e_a e_b I4(i, k, a, b) + σ² E[g'(i) g'(k)]), (B, K, K)."""
        i, k, a, b = self.first, self.second, self.a, self.b
        d_i, d_k, c = D[:, i, None], D[:, k, None], C[:, i, k, None]
        L = d_i * d_k - c * c
        p, q = (d_k * near[:, i] - c * near[:, k]) / L, (d_i * near[:, k] - c * near[:, i]) / L
        known = C[:, self.active[a], self.active[b]][:, None]
        left = known - p[..., a] * near[:, i][..., b] - q[..., a] * near[:, k][..., b]
        root = torch.rsqrt(1.0 + left[..., a == b])
        angle = torch.asin((left * root[..., a] * root[..., b]).clamp(-1.0, 1.0))
        total = (angle @ (self.twice * signs[:, a] * signs[:, b])[..., None])[..., 0]
        both = self.rate[:, None] ** 2 * readout[:, i] * readout[:, k]
        values = both * _TWO_OVER_PI * (_TWO_OVER_PI * total + self.noise[:, None]) * torch.rsqrt(L[..., 0])
        found = torch.empty_like(C[:, : readout.shape[1], : readout.shape[1]])
        found[:, i, k] = values
        found[:, k, i] = values
        return found


@torch.no_grad()
def _follow(flow: _Flow, path: Floats, heads: Floats, moments: Floats, part: slice, step: float) -> None:
    """Classical Runge-Kutta from the first moment of ``part``; writes the later ones into path and heads."""
    K, kept = path.shape[2], path.shape[3]
    rows = torch.as_tensor(path[:, part.start], device=flow.device)
    if flow.copies:
        rows = torch.cat([rows, rows[..., :K]], dim=2)
    readout = torch.as_tensor(heads[:, part.start].copy(), device=flow.device)
    for place in range(part.start + 1, part.stop):
        length = moments[place] - moments[place - 1]
        count = max(math.ceil(length / step - 1e-9), 1)
        size = length / count
        for _ in range(count):
            k1, h1 = flow(rows, readout)
            k2, h2 = flow(rows + 0.5 * size * k1, readout + 0.5 * size * h1)
            k3, h3 = flow(rows + 0.5 * size * k2, readout + 0.5 * size * h2)
            k4, h4 = flow(rows + size * k3, readout + size * h3)
            rows = rows + size / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
            readout = readout + size / 6.0 * (h1 + 2.0 * h2 + 2.0 * h3 + h4)
        path[:, place] = rows[..., :kept].cpu().numpy()
        heads[:, place] = readout.cpu().numpy()
