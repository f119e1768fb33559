"""The one way to compile numerical code: numba, cached under build/, exact arithmetic.

numba's cache notices a changed file but not a changed *callee* in another file. Each function is
therefore cached in a folder named by the fingerprint of its module, which counts everything that the
module imports: editing a kernel can never leave an old copy of it inlined in its caller.
"""

import os
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numba
from numba.core import config, event

from companion.session.root import build_folder
from companion.store.fingerprint import closure, combined
from companion.store.meter import count_compiling

prange = numba.prange

_folders: dict[str, Path] = {}


class _Clock(event.Listener):
    """Counts the time between the start and the end of compilations, of which one may start others."""

    def __init__(self) -> None:
        self._depth, self._began = 0, 0.0

    def on_start(self, event: Any) -> None:
        if self._depth == 0:
            self._began = time.process_time()
        self._depth += 1

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        if self._depth == 0:
            count_compiling(time.process_time() - self._began)


event.register("numba:compile", _Clock())


def not_compiled(modules: Collection[str]) -> list[str]:
    """Those of ``modules`` that hold kernels which were imported here and have never been compiled on this machine."""
    return [name for name, folder in _folders.items() if name in modules and not any(folder.rglob("*.nbi"))]


def _cache_folder(module: str) -> str:
    parent = os.environ.get("NUMBA_CACHE_DIR") or str(build_folder() / "numba")
    return os.path.join(parent, combined(closure([module]))[:16])  # noqa: PTH118 (numba wants text)


def compiled(*, parallel: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function with numba: cached, releasing the GIL, fast-math off.

    ``parallel=True`` is for the few thin drivers that loop over conditions with ``prange``;
    each costs about 10 s to compile, so everything they call stays serial.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        folder = _cache_folder(function.__module__)
        _folders[function.__module__] = Path(folder)
        before = config.CACHE_DIR  # pyright: ignore[reportAttributeAccessIssue]
        config.CACHE_DIR = folder  # pyright: ignore[reportAttributeAccessIssue]
        try:
            return numba.njit(cache=True, nogil=True, fastmath=False, parallel=parallel)(function)
        finally:
            config.CACHE_DIR = before  # pyright: ignore[reportAttributeAccessIssue]

    return decorate
