"""Which device this session computes on, decided once and said once."""

from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def cuda_available() -> bool:
    """Whether PyTorch can use a CUDA device; torch is imported only where a driver is present."""
    if not Path("/dev/nvidiactl").exists():
        return False
    import torch

    return torch.cuda.is_available()


def resolve_device(request: str) -> str:
    """``"cpu"`` or ``"cuda"`` for a request of ``auto``, ``cpu`` or ``cuda``.

    Raises RuntimeError, before any work, where CUDA is demanded and there is none.
    """
    if request == "auto":
        return "cuda" if cuda_available() else "cpu"
    if request == "cuda" and not cuda_available():
        raise RuntimeError(
            "device: 'cuda' was asked for, but PyTorch finds no CUDA device here; "
            "use device 'auto' or 'cpu', or run on a machine with a GPU."
        )
    return request
