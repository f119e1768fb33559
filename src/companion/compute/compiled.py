"""The one way to compile numerical code: numba, cached under build/, exact arithmetic.

numba's cache notices a changed file but not a changed *callee* in another file. The cache folder
therefore carries the digest of every compiled module, so that editing a kernel can never leave an
old copy of it inlined in its caller.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.session.root import build_folder

_PACKAGE = Path(__file__).parent.parent
_MARK = b"companion.compute.compiled import"


def _compiled_sources_digest() -> str:
    """Digest of the bytes of all modules of the package that use this one."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        if _MARK in source:
            digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + source)
    return digest.hexdigest()[:16]


os.environ.setdefault("NUMBA_CACHE_DIR", str(build_folder() / "numba" / _compiled_sources_digest()))

import numba  # noqa: E402  (numba reads NUMBA_CACHE_DIR when it is imported)
from numba.core import config  # noqa: E402

config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]  # pyright: ignore[reportAttributeAccessIssue]

prange = numba.prange


def compiled(*, parallel: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function with numba: cached, releasing the GIL, fast-math off.

    ``parallel=True`` is for the few thin drivers that loop over conditions with ``prange``;
    each costs about 10 s to compile, so everything they call stays serial.
    """
    return numba.njit(cache=True, nogil=True, fastmath=False, parallel=parallel)
