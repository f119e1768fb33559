"""Devices, seeds, compiled code, Dask clusters and sweeps over blocks of conditions."""
