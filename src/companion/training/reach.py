"""The dimensions that descent can reach: K + M of them, whatever the dimension of the inputs."""

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]


def reachable_coordinates(weights: _Array, V: _Array) -> tuple[_Array, _Array, list[_Array]]:
    """Weights (n, K, M + K) and teacher (M, M + K) in the axes that each run can reach, and these axes.

    Gradients of the loss are combinations of the rows of W and V, so that descent never leaves their
    span: this is exact, and ``run @ axes`` is the way back. Needs D >= K + M and independent rows of V.
    """
    teachers, dimension = V.shape
    aligned = np.array_equal(V, np.eye(teachers, dimension))
    span = V if aligned else np.linalg.qr(V.T)[0].T
    inside = V @ span.T
    runs, axes = [], []
    for run in weights:
        along = run @ span.T
        across, triangle = np.linalg.qr((run - along @ span).T)
        runs.append(np.hstack([along, triangle.T]))
        axes.append(np.vstack([span, across.T]))
    reached = np.reshape(runs, (len(weights), weights.shape[1], teachers + weights.shape[1]))
    return reached, np.hstack([inside, np.zeros((teachers, weights.shape[1]))]), axes
