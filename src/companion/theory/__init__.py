"""Closed forms and order-parameter equations: numpy, scipy and numba only."""
