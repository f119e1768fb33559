"""Who works on a run, as its costs are counted: cores and GPUs at once, and the memory of each worker."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from companion.compute.cluster_settings import cluster_names, read_cluster
from companion.compute.clusters import core_count
from companion.run.plan import Request
from companion.settings.cluster_file import ClusterSettings


@dataclass(frozen=True)
class Workers:
    """Who works: cores and GPUs at once, a line that says whose, and the GiB that each worker has, by device."""

    cores: int
    gpus: int
    description: str
    memory_gib: Mapping[str, float] = field(default_factory=dict)


def cluster_of(requests: Sequence[Request]) -> ClusterSettings | None:
    """The cluster with a file that the first request names, if it does."""
    name = requests[0].parameters.values["cluster"] if requests else "local"
    return read_cluster(name) if name in cluster_names() else None


def workers(cluster: ClusterSettings | None) -> Workers:
    """Who works on a cluster with a file, or on this machine: a worker for each core, one for each GPU."""
    if cluster is None:
        cores = core_count()
        whole = _memory_gib()
        return Workers(cores, 1, f"{cores} cores of this machine", {"cpu": whole / cores, "cuda": whole})
    cpu, gpu = cluster.workers.cpu, cluster.workers.gpu
    gpus = gpu.maximum_jobs * gpu.gpus if gpu else 0
    cores = cpu.maximum_jobs * cpu.cores
    more = f" and {gpus} {gpu.gpu_type}" if gpu else ""
    memory = {"cpu": cpu.memory_gib / cpu.workers} | ({"cuda": gpu.memory_gib / gpu.workers} if gpu else {})
    return Workers(cores, gpus, f"{cluster.name}, at most {cores} cores{more} at once", memory)


def _memory_gib() -> float:
    """Memory of this machine in GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
