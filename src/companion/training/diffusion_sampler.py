"""Deterministic sampling: the probability flow on the discrete grid of noise levels (DDIM, arXiv:2010.02502)."""

from collections.abc import Callable

import torch
from torch import Tensor

from companion.theory.noise_schedule import NoiseSchedule

PredictedNoise = Callable[[Tensor, Tensor], Tensor]


def sample(
    predicted_noise: PredictedNoise,
    latents: Tensor,
    schedule: NoiseSchedule,
    steps: int,
    *,
    start: int | None = None,
    limits: tuple[Tensor, ...] | None = None,
) -> Tensor:
    """Points x_0 (..., d) that the latents at the last noise level (or at level ``start``) flow to.

    ``predicted_noise(x, index)`` is ε̂ at x (..., batch, d) and int64 levels (..., batch). Each step goes to
    a' x̂_0 + s' ε̂ with x̂_0 = (x - s ε̂)/a; the last one to a' = 1, s' = 0. ``limits`` (lower, upper), of any shape
    that broadcasts, clamp x̂_0 to the range of pixels. Raises ValueError for more steps than levels.
    """
    grid = schedule.sampling_grid(steps)
    if start is not None:
        # From level ``start`` on, with the spacing of a whole trajectory.
        share = (start + 1) / schedule.length
        count = max(round(steps * share), 1)
        grid = torch.linspace(start, 0, count).round().to(torch.int64).numpy()
    signal, noise = schedule.signal[grid].tolist(), schedule.noise[grid].tolist()
    x = latents
    for level, a, s, a_next, s_next in zip(
        grid.tolist(), signal, noise, [*signal[1:], 1.0], [*noise[1:], 0.0], strict=True
    ):
        index = torch.full(x.shape[:-1], level, dtype=torch.int64, device=x.device)
        predicted = predicted_noise(x, index)
        clean = (x - s * predicted) / a
        if limits is not None:
            clean = clean.clamp(*limits)
            predicted = (x - a * clean) / s
        x = a_next * clean + s_next * predicted
    return x


def exact_predicted_noise(points: Tensor, schedule: NoiseSchedule) -> PredictedNoise:
    """ε̂ of the exact score of the noised training set ``points`` (n, d): what a perfect fit of the loss predicts.

    x̂_0 = Σ_ν w_ν(x) x^ν with weights w_ν ∝ exp(-|x - a x^ν|²/2s²), in float64 (arXiv:2402.18491).
    """
    points = points.to(torch.float64)
    lengths = points.square().sum(dim=1)
    signal = torch.as_tensor(schedule.signal, device=points.device)
    noise = torch.as_tensor(schedule.noise, device=points.device)

    def predicted(x: Tensor, index: Tensor) -> Tensor:
        precise = x.to(torch.float64)
        a, s = signal[index][..., None], noise[index][..., None]
        logits = (a * (precise @ points.T) - a * a * lengths / 2) / (s * s)
        clean = logits.softmax(dim=-1) @ points
        return ((precise - a * clean) / s).to(x.dtype)

    return predicted
