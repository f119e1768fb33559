"""Where tensors live and how exact their arithmetic is; a study says which precision it allows itself."""

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

import torch

from companion.session import current
from companion.session.device import DeviceElsewhere

#: float32 is exact to rounding; tf32 keeps 10 bits of the factors in matrix products on GPUs that have it;
#: bfloat16 keeps 7 bits of activations as well (autocast), with weights and sums in float32.
Precision = Literal["float32", "tf32", "bfloat16"]


def torch_device(request: str = "auto") -> torch.device:
    """The device of the running session for ``auto``; else the one named.

    Raises RuntimeError where CUDA is demanded and there is none, DeviceElsewhere where the session's is on
    GPU workers and this process is none of them.
    """
    if request == "auto":
        if current.session_device() == "cuda" and current.device_kind() == "cpu":
            from companion.compute.sweeps import compute_on_gpu_worker

            raise DeviceElsewhere(compute_on_gpu_worker)
        return torch.device(current.device_kind())
    if request == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device: 'cuda' was asked for, but PyTorch finds no CUDA device here")
    return torch.device(request)


@contextlib.contextmanager
def arithmetic(device: torch.device, precision: Precision) -> Iterator[None]:
    """Compute at ``precision``, the same way every time; the settings from before come back afterwards."""
    if precision not in ("float32", "tf32", "bfloat16"):
        raise ValueError(f"precision: {precision!r} given; allowed: float32, tf32, bfloat16")
    fast = precision != "float32"
    with (
        _setting(torch.backends.cuda.matmul, "allow_tf32", fast),
        _setting(torch.backends.cudnn, "allow_tf32", fast),
        _setting(torch.backends.cudnn, "deterministic", True),
        _setting(torch.backends.cudnn, "benchmark", False),
        torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"),
    ):
        yield


@contextlib.contextmanager
def _setting(owner: Any, name: str, value: bool) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
