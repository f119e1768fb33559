"""The discrete variance-preserving process of diffusion models: x_t = a_t x_0 + s_t ε, a_t² + s_t² = 1.

Linear β (arXiv:2006.11239): a_t² = Π_{i≤t}(1 - β_i). On the clock of the Ornstein-Uhlenbeck process that the theory
uses, t_OU = -ln a_t and Δ_t = s_t² = 1 - e^-2t_OU; indices 40, 136 and 311 of 1000 are t_OU = .01, .1 and .5.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NoiseSchedule:
    """``length`` levels of noise with β rising linearly from ``first`` to ``last``.

    Raises ValueError for fewer than two levels or β outside (0, 1).
    """

    length: int = 1000
    first: float = 1e-4
    last: float = 2e-2

    def __post_init__(self) -> None:
        if self.length < 2 or not 0 < self.first <= self.last < 1:
            raise ValueError(
                f"noise schedule: length {self.length}, first {self.first}, last {self.last} given; "
                "need at least 2 levels and 0 < first <= last < 1"
            )

    @cached_property
    def signal(self) -> Floats:
        """a_t, (length,)."""
        return np.exp(-self.times)

    @cached_property
    def noise(self) -> Floats:
        """s_t, (length,)."""
        return np.sqrt(-np.expm1(-2 * self.times))

    @cached_property
    def times(self) -> Floats:
        """t_OU = -ln a_t, (length,).

        >>> NoiseSchedule().times[[136, 311]].round(3).tolist()
        [0.1, 0.5]
        """
        return -np.cumsum(np.log1p(-np.linspace(self.first, self.last, self.length))) / 2

    def sampling_grid(self, steps: int) -> NDArray[np.int64]:
        """``steps`` falling indices, evenly spaced from the last level to the first, (steps,).

        A sampler visits them and then ends at a = 1, s = 0. Raises ValueError for more steps than levels.

        >>> NoiseSchedule().sampling_grid(4).tolist()
        [999, 666, 333, 0]
        """
        if not 1 <= steps <= self.length:
            raise ValueError(f"sampler steps: {steps} given; allowed: 1 to {self.length}")
        return np.linspace(self.length - 1, 0, steps).round().astype(np.int64)
