"""The claim of the tiny project."""

import math

import xarray as xr

from companion.claims.protocol import Claim, Verdict

GROWS = Claim(
    id="tiny_c1_grows",
    statement="powers grow with the number",
    quantity="last power minus first",
    criterion="above 0",
    version=1,
    profile="laptop",
    figure="tiny_f1_powers",
    deterministic=True,
    source="none",
)


def grows(data: xr.Dataset, missing: bool) -> Verdict:
    """Holds where the last power is larger than the first."""
    value = math.nan if missing else float(data.power[-1] - data.power[0])
    if math.isnan(value):
        return Verdict(GROWS.id, "not evaluated", notes=("the number is missing",))
    return Verdict(GROWS.id, "holds" if value > 0 else "fails", value=value, value_text=f"{value:g}")
