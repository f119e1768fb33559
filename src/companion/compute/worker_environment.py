"""What every worker finds in its environment, wherever it runs."""

#: Keep the memory of large temporary arrays instead of giving it back to the system after each: glibc's default, and
#: Dask's even more so, costs a page fault for every page of every temporary, up to a third of dense linear algebra.
MEMORY_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
}

#: A worker computes with one thread: its parallelism is that there are many workers.
WORKER_ENVIRONMENT = {
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
