"""What every worker finds in its environment, wherever it runs."""

from companion.store.artefacts import GROUP_VARIABLE, OWN_VARIABLE

#: Where results and data lie, as the user says it: handed on to jobs and workers, as sites may pass nothing on.
FOLDER_VARIABLES = (OWN_VARIABLE, GROUP_VARIABLE, "COMPANION_DATA")

#: Keep the memory of large temporary arrays instead of giving it back to the system after each: glibc's default, and
#: Dask's even more so, costs a page fault for every page of every temporary, up to a third of dense linear algebra.
MEMORY_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
}

#: Dask's profiler keeps frames of the working thread, and with them HDF5 objects that were just let go: where the next
#: ones lie in a file, and so the bytes of a result, would depend on when it looked.
WITHOUT_PROFILER = {"distributed.worker.profile.enabled": False}

#: A worker computes with one thread: its parallelism is that there are many workers.
WORKER_ENVIRONMENT = {
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",  # as above, for one that is started by a script
}
