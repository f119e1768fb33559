"""Two stored datasets in one figure: joined, so that its table holds all numbers that are drawn."""

import xarray as xr


def beside(data: xr.Dataset, other: xr.Dataset, prefix: str) -> xr.Dataset:
    """``data`` with everything of ``other`` under names, and along dimensions, that begin with ``prefix`` and "_".

    Attributes, and with them the key in the store, are those of ``data``; give ``other`` to `save` as a source.
    Raises ValueError for a prefix with which a name of ``data`` begins.

    >>> sorted(beside(xr.Dataset({"a": ("x", [1, 2])}), xr.Dataset({"a": ("x", [3])}), "far").data_vars)
    ['a', 'far_a']
    """
    own = {str(name) for name in (*data.variables, *data.dims)}
    if any(name.startswith(f"{prefix}_") for name in own):
        raise ValueError(f"prefix: {prefix!r} given, with which names of data begin")
    names = {name: f"{prefix}_{name}" for name in (*other.variables, *other.dims)}
    return data.assign_coords(other.rename(names).coords).assign(other.rename(names).data_vars)


def taken_out(data: xr.Dataset, prefix: str) -> xr.Dataset | None:
    """The ``other`` of `beside`, under its own names; None where ``data`` holds nothing under ``prefix``.

    >>> both = beside(xr.Dataset({"a": ("x", [1, 2])}), xr.Dataset({"a": ("x", [3])}), "far")
    >>> taken_out(both, "far").a.values.tolist(), taken_out(both, "near")
    ([3], None)
    """
    start = f"{prefix}_"
    found = data[[name for name in data.data_vars if str(name).startswith(start)]]
    if not found.data_vars:
        return None
    own = found.drop_vars([name for name in found.coords if not str(name).startswith(start)])
    return own.rename({name: str(name)[len(start) :] for name in (*own.variables, *own.dims)})
