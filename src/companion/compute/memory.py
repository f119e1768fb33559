"""Memory that a process has given back to itself: kept for the next step, or returned to the system."""

import ctypes
from functools import lru_cache

# Parameters of glibc's mallopt, from malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_MIB = 1 << 20


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Keep freed blocks below 32 MiB, up to 256 MiB of them, for what is allocated next; whether this was possible.

    A small training frees and allocates the same megabytes in every step. Under glibc each step otherwise returns them
    to the system and has them handed out, page by page, anew, at up to a quarter of its time. Other C libraries are
    left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, 32 * _MIB) and mallopt(_TRIM_THRESHOLD, 256 * _MIB))
