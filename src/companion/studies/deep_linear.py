"""Stored experiments on linear networks: what differences of imbalance decide, and what a common imbalance does not.

A start's imbalance is λ_k = |w_k|² - |h_k|² for neuron k, conserved by gradient flow (arXiv:2503.02526). Shares of
neurons are judged by S_use, 1 for one neuron that does the task and 0 for even shares.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.analysis.specialisation import usage_specialisation
from companion.compute.seeds import generator
from companion.store.durable import stored
from companion.theory.deep_linear import Floats, final_weights, mode_contributions, small_start_modes
from companion.theory.scalar_linear import (
    UNIFORM_USAGE,
    final_contributions,
    gaussian_usage,
    imbalance_shares,
)

USAGE = {"long_name": r"specialisation $S_{\mathrm{use}}$"}
CONCENTRATION = {"long_name": "neuron-mode concentration"}
LAYER_RATIO = {"long_name": r"$\log_{10}\,\sigma_h/\sigma_w$"}
NEURON_RATIO = {"long_name": r"$\lambda_1/\lambda_2$"}
#: Singular values of the task with several modes.
MODES = (2.0, 1.0)
#: Standard deviation beyond which flows to several modes are too stiff for a figure.
_LARGEST_DEVIATION = 4.0


def mode_concentration(carried: Floats) -> Floats:
    """S_sel of a linear network, (...): 1 where every used neuron carries one mode, from contributions (..., K, M)."""
    share = carried.sum(axis=-1) / carried.sum(axis=(-2, -1))[..., None]
    return (share * usage_specialisation(carried)).sum(axis=-1)


def end_concentration(first: Floats, second: Floats, target: Floats) -> Floats:
    """`mode_concentration` (...) at the end of training from starts (..., K, D), (..., P, K)."""
    flat = [part.reshape(-1, *part.shape[-2:]) for part in (first, second)]
    ends = final_weights(flat[0], flat[1], target, step=0.5, tolerance=1e-6)
    return mode_concentration(mode_contributions(*ends, target)).reshape(first.shape[:-2])


@stored(work=lambda samples, **_: samples)
def imbalance_map(samples: int, largest: float, bins: int, parts: int, seed: int) -> xr.Dataset:
    """S_use of two neurons whose readouts start at zero, over imbalances drawn from [0, ``largest``]².

    ``usage`` (imbalance_1, imbalance_2): means over ``bins``² squares of ``samples`` starts, NaN in an empty one;
    ``usage_mean`` (sample_part,): means of ``parts`` equal parts of the sample, which attribute ``exact_mean`` expects.
    """
    drawn = generator(seed, "imbalance map").uniform(0, largest, (samples, 2))
    usage = usage_specialisation(final_contributions(np.sqrt(drawn), np.zeros_like(drawn)))
    edges = np.linspace(0, largest, bins + 1)
    total, _, _ = np.histogram2d(*drawn.T, bins=(edges, edges), weights=usage)
    count, _, _ = np.histogram2d(*drawn.T, bins=(edges, edges))
    means = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    centres = (edges[1:] + edges[:-1]) / 2
    over_parts = [float(part.mean()) for part in np.array_split(usage, parts)]
    return xr.Dataset(
        {
            "usage": (("imbalance_1", "imbalance_2"), means, USAGE),
            "usage_mean": ("sample_part", over_parts, {"long_name": r"mean $S_{\mathrm{use}}$"}),
        },
        coords={
            name: (name, centres, {"long_name": rf"imbalance $\lambda_{index}$"})
            for index, name in ((1, "imbalance_1"), (2, "imbalance_2"))
        },
        attrs={"samples": samples, "largest": largest, "exact_mean": UNIFORM_USAGE, "root_seed": seed},
    )


@stored(work=lambda ratios, draws, **_: len(ratios) * draws)
def ratio_law(ratios: Sequence[float], draws: int, seed: int, *, largest: float = 100.0) -> xr.Dataset:
    """S_use of two neurons against the ratio of their imbalances: exact law, integrated flows, and where it breaks.

    ``integrated`` (ratio, draw): flows from starts without readouts, λ_1 + λ_2 drawn from [0, ``largest``];
    ``readouts_too`` (ratio, draw): small starts of the same ratios with readouts, w_k = √λ_k cosh ξ_k and h_k =
    √λ_k sinh ξ_k, ξ_k of deviation 1/2; ``law`` (line_ratio,). Attribute ``agreement``: largest deviation of the flows.
    """
    noise = generator(seed, "ratio law")
    shares = np.stack([np.array(ratios), np.ones(len(ratios))], axis=-1)
    shares = (shares / shares.sum(axis=-1, keepdims=True))[:, None]
    sums = largest * (1 - noise.random((len(ratios), draws, 1)))
    first = np.sqrt(sums * shares)[..., None] * noise.choice([-1.0, 1.0], (len(ratios), draws, 2, 1))
    first = first.reshape(-1, 2, 1)
    w, h = final_weights(first, np.zeros((len(first), 1, 2)), [[1.0]])
    integrated = usage_specialisation(np.abs(w[..., 0] * h[:, 0])).reshape(len(ratios), draws)
    angle = 0.5 * noise.standard_normal((len(ratios), draws, 2))
    sizes = 1e-3 * np.sqrt(shares)
    mixed = np.abs(final_contributions(sizes * np.cosh(angle), sizes * np.sinh(angle)))
    line = np.geomspace(min(ratios), max(ratios), 60)
    law = usage_specialisation(imbalance_shares(np.stack([line, np.ones(line.size)], axis=-1)))
    exact = usage_specialisation(imbalance_shares(shares))
    return xr.Dataset(
        {
            "integrated": (("ratio", "draw"), integrated, USAGE),
            "readouts_too": (("ratio", "draw"), usage_specialisation(mixed), USAGE),
            "law": ("line_ratio", law, USAGE),
        },
        coords={
            "ratio": ("ratio", list(ratios), NEURON_RATIO),
            "line_ratio": ("line_ratio", line, NEURON_RATIO),
        },
        attrs={"agreement": float(np.abs(integrated - exact).max()), "root_seed": seed},
    )


@stored(
    work=lambda log_ratios, neurons, scales, samples, parts, **_: (
        len(log_ratios) * sum(neurons) * len(scales) * samples * parts
    ),
)
def common_ratio(
    log_ratios: Sequence[float],
    neurons: Sequence[int],
    scales: Sequence[float],
    samples: int,
    parts: int,
    seed: int,
) -> xr.Dataset:
    """Mean S_use of Gaussian starts against log10(σ_h/σ_w), which is common to all neurons, at fixed g = √(σ_h σ_w).

    ``usage`` (neurons, scale, log_ratio, part): means of ``samples`` starts each, ``parts`` of them; ``law`` (neurons,)
    for small ones.
    """
    usage = np.empty((len(neurons), len(scales), len(log_ratios), parts))
    widths = 10 ** (np.array(log_ratios)[:, None, None, None] / 2)
    for row, count in enumerate(neurons):
        noise = generator(seed, "common ratio", count)
        first, second = noise.standard_normal((2, parts, samples, count))
        for column, scale in enumerate(scales):
            ends = final_contributions(scale * first / widths, scale * second * widths)
            usage[row, column] = usage_specialisation(np.abs(ends)).mean(axis=-1)
    law = [gaussian_usage(count) for count in neurons]
    return xr.Dataset(
        {
            "usage": (("neurons", "scale", "log_ratio", "part"), usage, USAGE),
            "law": ("neurons", law, USAGE),
        },
        coords={
            "neurons": ("neurons", list(neurons), {"long_name": "neurons $K$"}),
            "scale": ("scale", list(scales), {"long_name": r"$g=\sqrt{\sigma_h\sigma_w}$"}),
            "log_ratio": ("log_ratio", list(log_ratios), LAYER_RATIO),
        },
        attrs={"samples": samples, "root_seed": seed},
    )


@stored(work=lambda ratios, draws, **_: len(ratios) * draws)
def imbalance_regimes(
    ratios: Sequence[float],
    geometric_mean: float,
    draws: int,
    seed: int,
    *,
    singular_values: tuple[float, float] = MODES,
) -> xr.Dataset:
    """What a ratio of the layers does in linear networks of two neurons, w ~ N(0, σ_w²), h ~ N(0, σ_h²), fully trained.

    ``ratios`` σ_h/σ_w at √(σ_h σ_w) = ``geometric_mean``; one draw serves all of them. ``common_ratio`` (ratio, draw):
    S_use of the scalar task; ``modes`` (ratio, draw): neuron-mode concentration of the task with two modes.
    """
    noise = generator(seed, "imbalance regimes")
    widths = np.sqrt(np.array(ratios, dtype=float))
    w, h = noise.standard_normal((2, draws, 2))
    scalar = final_contributions(
        geometric_mean * w / widths[:, None, None], geometric_mean * h * widths[:, None, None]
    )
    first, second = noise.standard_normal((2, draws, 2, 2))
    scaled = widths[:, None, None, None]
    modes = end_concentration(
        geometric_mean * first / scaled, geometric_mean * second * scaled, np.diag(singular_values)
    )
    return xr.Dataset(
        {
            "common_ratio": (("ratio", "draw"), usage_specialisation(np.abs(scalar)), USAGE),
            "modes": (("ratio", "draw"), modes, CONCENTRATION),
        },
        coords={"ratio": ("ratio", list(ratios), {"long_name": r"$\sigma_h/\sigma_w$"})},
        attrs={"geometric_mean": geometric_mean, "root_seed": seed},
    )


@stored(
    work=lambda log_ratios, scales, draws, samples, **_: len(log_ratios) * len(scales) * draws + 40 * samples,
)
def several_modes(
    log_ratios: Sequence[float], scales: Sequence[float], draws: int, seed: int, *, samples: int = 4000
) -> xr.Dataset:
    """Neuron-mode concentration of two neurons whose sizes differ: w_k ~ N(0, g² r^±1) per entry, no readouts.

    ``concentration`` (scale, log_ratio, draw) after full training against log10 r, NaN where a neuron's deviation
    exceeds 4; ``law`` (line_ratio,): mean of the law of vanishing starts.
    """
    target = np.diag(MODES)
    noise = generator(seed, "several modes")
    drawn = noise.standard_normal((draws, 2, 2))
    sizes = 10 ** (np.array(log_ratios)[:, None] * np.array([0.5, -0.5]))
    found = np.full((len(scales), len(log_ratios), draws), np.nan)
    for row, scale in enumerate(scales):
        kept = scale * sizes.max(axis=-1) <= _LARGEST_DEVIATION
        first = scale * sizes[kept][:, None, :, None] * drawn
        found[row, kept] = end_concentration(first, np.zeros_like(first), target)
    line = np.linspace(min(log_ratios), max(log_ratios), 40)
    many = noise.standard_normal((samples, 2, 2))
    shown = 10 ** (line[:, None] * np.array([0.5, -0.5]))[:, None, :, None] * many
    law = mode_concentration(small_start_modes(shown, np.zeros_like(shown), target)).mean(axis=-1)
    words = {"long_name": r"$\log_{10}$ ratio of the neurons' weights"}
    return xr.Dataset(
        {
            "concentration": (("scale", "log_ratio", "draw"), found, CONCENTRATION),
            "law": ("line_ratio", law, CONCENTRATION),
        },
        coords={
            "scale": ("scale", list(scales), {"long_name": "$g$"}),
            "log_ratio": ("log_ratio", list(log_ratios), words),
            "line_ratio": ("line_ratio", line, words),
        },
        attrs={"root_seed": seed},
    )


@stored(calls="body")
def linear_imbalance(
    samples: int,
    largest: float,
    bins: int,
    ratios: Sequence[float],
    log_ratios: Sequence[float],
    neurons: Sequence[int],
    scales: Sequence[float],
    draws: int,
    seed: int,
    *,
    parts: int = 8,
) -> xr.Dataset:
    """What imbalance decides in linear networks, as the figure shows it: the experiments of this module in one dataset.

    ``samples`` starts stand behind the map and a thousandth of them, ``parts`` times, behind each mean of a common
    ratio (panels a, c); ``draws`` starts behind points of integrated flows (d; half of them where neurons differ, a
    fifth in b). Variables of (c) begin with ``common_``, those of (d) with ``layer_`` (one ratio of the layers, g = .1)
    and ``neuron_`` (one ratio of the neurons, up to the largest of ``log_ratios``).
    """
    moderate = [ratio for ratio in log_ratios if 0.1 * 10 ** (abs(ratio) / 2) <= _LARGEST_DEVIATION]
    layers = imbalance_regimes([10.0**ratio for ratio in moderate], 0.1, draws, seed)
    layer = layers[["modes"]].rename(modes="layer_modes", ratio="log_ratio", draw="seed")
    drawn = imbalance_map(samples, largest, bins, 10 * parts, seed).rename(usage="usage_map")
    law = ratio_law(ratios, max(2, draws // 5), seed, largest=largest)
    common = common_ratio(log_ratios, neurons, scales, max(1, samples // 1000), parts, seed)
    apart = np.linspace(0, max(log_ratios), 5).tolist()
    modes = several_modes(apart, scales, max(2, draws // 2), seed)
    merged = xr.merge(
        [
            drawn,
            law,
            common.rename(usage="common_usage", law="common_law"),
            layer.assign_coords(log_ratio=("log_ratio", moderate)).reindex(log_ratio=common.log_ratio),
            modes.rename(
                concentration="neuron_modes",
                law="neuron_law",
                log_ratio="weight_ratio",
                line_ratio="weight_line",
                draw="weight_draw",
            ),
        ],
        join="exact",
        compat="equals",
        combine_attrs="drop_conflicts",
    )
    merged.attrs = {
        "samples": samples,
        "largest": largest,
        "exact_mean": drawn.attrs["exact_mean"],
        "agreement": law.attrs["agreement"],
        "root_seed": seed,
    }
    return merged
