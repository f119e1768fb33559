"""Which device this session computes on, decided once and said once."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from companion.session.root import project_root
from companion.settings.cluster_file import cluster_files, read_cluster_file


class DeviceElsewhere(RuntimeError):
    """Work that needs CUDA came up in a process without it, of a session whose GPUs are those of a cluster.

    ``send(function, arguments)`` has a stored function computed there, so that its result can be read.
    """

    def __init__(self, send: Callable[[Any, Mapping[str, Any]], None]):
        super().__init__(
            "this process has no GPU, and only functions declared @stored(device=True) are sent to GPU workers"
        )
        self.send = send


@lru_cache(maxsize=1)
def cuda_available() -> bool:
    """Whether PyTorch can use a CUDA device; torch is imported only where a driver is present."""
    if not Path("/dev/nvidiactl").exists():
        return False
    import torch

    return torch.cuda.is_available()


def resolve_device(request: str, cluster: str = "local") -> str:
    """``"cpu"`` or ``"cuda"`` for a request of ``auto``, ``cpu`` or ``cuda`` on ``cluster``.

    Of a cluster with a file in params/clusters the workers count, not this machine. Raises RuntimeError,
    before any work, where CUDA is demanded and there is none, SettingsError for a file that is wrong.
    """
    if (path := _cluster_path(cluster)) is not None:
        has_gpus = read_cluster_file(path).workers.gpu is not None
        if request == "cuda" and not has_gpus:
            raise RuntimeError(
                f"device: 'cuda' was asked for, but cluster {cluster!r} has no GPU workers; use device 'auto' "
                f"or 'cpu', another cluster, or describe them under workers.gpu in params/clusters/{path.name}"
            )
        return "cuda" if has_gpus and request != "cpu" else "cpu"
    if request == "auto":
        return "cuda" if cuda_available() else "cpu"
    if request == "cuda" and not cuda_available():
        raise RuntimeError(
            "device: 'cuda' was asked for, but PyTorch finds no CUDA device here; "
            "use device 'auto' or 'cpu', or run on a machine with a GPU."
        )
    return request


def _cluster_path(cluster: str) -> Path | None:
    """The file that describes ``cluster``; None for those that need none."""
    if cluster in ("inline", "local") or "://" in cluster:
        return None
    return cluster_files(project_root() / "params").get(cluster)
