"""Devices, seeds, compiled code, Dask clusters and sweeps over blocks of conditions."""


def __getattr__(name: str) -> object:
    # Resolved on first use: dask is slow to import and theory needs none of it.
    if name == "sweep":
        from companion.compute.sweeps import sweep

        return sweep
    if name == "cluster":
        from companion.compute.clusters import cluster

        return cluster
    raise AttributeError(f"companion.compute has no {name!r}")
