"""Clocks of random-features score models and their contrasts between two classes, over paired draws."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from companion.claims.contrasts import Contrast, contrast_times
from companion.compute.seeds import generator

#: Class 0 of every two-class setting has the larger variance, or the larger centroid norm.
HIGH, LOW = 0, 1

_LEVELS = {"gen_passage": "share", "mem_gap": "margin", "mem_gap_absolute": "gap"}


@dataclass(frozen=True)
class Clock:
    """A clock by its name in the stored curves, and the level at which it is read, if it has one."""

    name: str
    level: float | None = None

    @property
    def text(self) -> str:
        """As the register writes it."""
        return self.name if self.level is None else f"{self.name}({self.level:g})"


PASSAGE = Clock("gen_passage", 0.5)
EARLY_STOP = Clock("early_stop")


def times(curves: xr.Dataset, setting: str, clock: Clock, label: int) -> np.ndarray:
    """Times of one clock of one class, (draws,), inf where never reached; all NaN where they are missing."""
    if setting not in curves.setting.values or clock.name not in curves:
        return np.full(curves.sizes["draw"], np.nan)
    found = curves[clock.name].sel(setting=setting).isel(label=label)
    if clock.level is not None:
        dim = _LEVELS[clock.name]
        if not np.isclose(curves[dim].values, clock.level).any():
            return np.full(curves.sizes["draw"], np.nan)
        found = found.sel({dim: clock.level}, method="nearest")
    return found.values


def contrast(
    curves: xr.Dataset,
    setting: str,
    clock: Clock,
    first: int = HIGH,
    second: int = LOW,
    confidence: float = 0.95,
) -> Contrast:
    """How much earlier class ``first`` comes than class ``second`` on a clock."""
    noise = generator(0, "bootstrap", setting, clock.text)
    pair = (times(curves, setting, clock, label) for label in (first, second))
    return contrast_times(*pair, generator=noise, confidence=confidence)


def described(found: Contrast) -> str:
    """Centre and interval of a contrast, as times the later class needs: "1.85 (1.80 to 1.91)"."""
    low, high = np.exp(found.interval)
    return f"{np.exp(found.centre):.2f} ({low:.2f} to {high:.2f})"
