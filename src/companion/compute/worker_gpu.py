"""A Dask worker that shares a job of several GPUs takes its own one. For ``dask worker --preload``."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Worker

_VARIABLE = "CUDA_VISIBLE_DEVICES"


def dask_setup(worker: "Worker") -> None:
    """Leave ``worker`` only the GPU that its number stands for, before PyTorch first looks at them."""
    visible = os.environ.get(_VARIABLE)
    if visible and "gpu" in worker.state.total_resources:
        os.environ[_VARIABLE] = own_gpu(visible, str(worker.name))


def own_gpu(visible: str, name: str) -> str:
    """The one of the ``visible`` GPUs, separated by commas, that the worker called ``name`` takes.

    >>> own_gpu("2,5", "gpu7-1"), own_gpu("3", "gpu7")
    ('5', '3')
    """
    gpus = visible.split(",")
    number = name.rpartition("-")[2]
    return gpus[int(number) % len(gpus)] if number.isdigit() else gpus[0]
