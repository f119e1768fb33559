"""The stored experiment on balanced linear networks: closed form, integration, and the basis that they leave free."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.compute.seeds import generator
from companion.store.durable import stored
from companion.studies.deep_linear import CONCENTRATION, end_concentration
from companion.theory.balanced_linear import balanced_solution, balanced_start, network_map
from companion.theory.deep_linear import gradient_flow, map_loss

TIME = {"long_name": "time $t$", "units": "1/learning rate"}
IMBALANCE = {"long_name": r"common imbalance $\lambda$"}
LOSS = {"long_name": r"loss $|\Sigma-W_2W_1|^2/2$"}
SINGULAR_VALUE = {"long_name": r"singular values of $W_2W_1$"}


@stored(
    work=lambda imbalances, last, step, rotations, points, **_: (
        len(imbalances) * (last / step + rotations * points)
    ),
)
def balanced_paths(
    imbalances: Sequence[float],
    singular_values: Sequence[float],
    shape: tuple[int, int, int],
    size: float,
    last: float,
    dots: int,
    rotations: int,
    seed: int,
    *,
    points: int = 60,
    step: float = 5e-4,
) -> xr.Dataset:
    """Training up to ``last`` from λ-balanced starts of ``shape`` (P, K, D) whose products are of ``size``.

    The task has ``singular_values`` and drawn directions. Closed form: ``loss`` (imbalance, time), ``mode_size``
    (imbalance, time, mode). Integration by RK4 at ``dots`` times: ``integrated_loss`` (imbalance, moment),
    ``integrated_size`` (imbalance, moment, mode); attribute ``agreement`` is the largest deviation between both Q Qᵀ.
    ``concentration`` (imbalance, rotation): neuron-mode concentration at the end of training from ``rotations`` starts
    drawn anew. Raises ValueError for more singular values than the shape has room for.
    """
    outputs, _, inputs = shape
    if len(singular_values) > min(shape):
        raise ValueError(f"singular_values: {len(singular_values)} given; allowed are up to {min(shape)}")
    noise = generator(seed, "balanced paths")
    left, right = (np.linalg.qr(noise.standard_normal((n, n)))[0] for n in (outputs, inputs))
    modes = len(singular_values)
    target = (left[:, :modes] * np.array(singular_values)) @ right[:, :modes].T
    start = balanced_start(imbalances, size, shape, noise)
    moments = np.linspace(0, last, dots + 1)[1:]
    times = np.unique(np.concatenate([np.linspace(0, last, points), moments]))
    gram = balanced_solution(*start, target, times)
    first, second = gradient_flow(*start, target, moments, step=step)
    stacked = np.concatenate([np.swapaxes(first, -1, -2), second], axis=-2)
    reached = stacked @ np.swapaxes(stacked, -1, -2)
    at = np.searchsorted(times, moments)
    drawn = [
        balanced_start(imbalances, size, shape, generator(seed, "rotation", draw))
        for draw in range(rotations)
    ]
    firsts, seconds = (np.stack([pair[layer] for pair in drawn], axis=1) for layer in (0, 1))
    sizes, integrated = (
        np.linalg.svd(network_map(grams, inputs), compute_uv=False)[..., :modes] for grams in (gram, reached)
    )
    return xr.Dataset(
        {
            "loss": (("imbalance", "time"), map_loss(network_map(gram, inputs), target), LOSS),
            "mode_size": (("imbalance", "time", "mode"), sizes, SINGULAR_VALUE),
            "integrated_loss": (("imbalance", "moment"), map_loss(second @ first, target), LOSS),
            "integrated_size": (("imbalance", "moment", "mode"), integrated, SINGULAR_VALUE),
            "concentration": (
                ("imbalance", "rotation"),
                end_concentration(firsts, seconds, target),
                CONCENTRATION,
            ),
        },
        coords={
            "imbalance": ("imbalance", list(imbalances), IMBALANCE),
            "time": ("time", times, TIME),
            "moment": ("moment", moments, TIME),
            "mode": ("mode", list(singular_values), {"long_name": "singular value of the task"}),
        },
        attrs={
            "agreement": float(np.abs(gram[:, at] - reached).max()),
            "shape": list(shape),
            "size": size,
            "root_seed": seed,
        },
    )
