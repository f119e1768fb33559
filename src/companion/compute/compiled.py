"""The one way to compile numerical code: numba, cached under build/, exact arithmetic.

numba's cache notices a changed file but not a changed *callee* in another file. Each function is
therefore cached in a folder named by the fingerprint of its module, which counts everything that the
module imports: editing a kernel can never leave an old copy of it inlined in its caller.
"""

import os
from collections.abc import Callable
from typing import Any

import numba
from numba.core import config

from companion.session.root import build_folder
from companion.store.fingerprint import closure, combined

prange = numba.prange


def _cache_folder(module: str) -> str:
    parent = os.environ.get("NUMBA_CACHE_DIR") or str(build_folder() / "numba")
    return os.path.join(parent, combined(closure([module]))[:16])  # noqa: PTH118 (numba wants text)


def compiled(*, parallel: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function with numba: cached, releasing the GIL, fast-math off.

    ``parallel=True`` is for the few thin drivers that loop over conditions with ``prange``;
    each costs about 10 s to compile, so everything they call stays serial.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        before = config.CACHE_DIR  # pyright: ignore[reportAttributeAccessIssue]
        config.CACHE_DIR = _cache_folder(function.__module__)  # pyright: ignore[reportAttributeAccessIssue]
        try:
            return numba.njit(cache=True, nogil=True, fastmath=False, parallel=parallel)(function)
        finally:
            config.CACHE_DIR = before  # pyright: ignore[reportAttributeAccessIssue]

    return decorate
