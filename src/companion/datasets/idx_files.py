"""IDX files, the format of MNIST and its relatives: read whole, checked against what they must hold.

Four bytes 0, 0, 8 (unsigned bytes) and the number of axes; the axes as big-endian 32-bit numbers; the values.
"""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTES = 8


class DamagedData(ValueError):
    """A data file does not hold what it must; the message names it, what was found and what is expected."""


def read_idx(path: Path, shape: tuple[int, ...], digest: str) -> NDArray[np.uint8]:
    """Values of the IDX file at ``path``, compressed by gzip or not, as a read-only array of ``shape``.

    ``digest`` is the SHA-256 of the file's contents uncompressed. Raises DamagedData if the file is cut
    short, has another header or other values; FileNotFoundError if there is none.
    """
    header = idx_header(shape)
    expected = len(header) + int(np.prod(shape))
    contents = _contents(path, expected + 1)
    if len(contents) < len(header):
        raise DamagedData(f"{path}: {len(contents)} bytes found; the header alone has {len(header)}")
    magic = contents[: 4 + 4 * len(shape)]
    if magic[:4] != header[:4]:
        raise DamagedData(
            f"{path}: the magic number 0x{magic[:4].hex()} was found; expected 0x{header[:4].hex()}"
            f" (unsigned bytes along {len(shape)} axes)"
        )
    if magic != header:
        found = tuple(np.frombuffer(magic, ">u4", offset=4).tolist())
        raise DamagedData(f"{path}: the header says {found}; expected {shape}")
    if len(contents) < expected:
        raise DamagedData(f"{path}: cut short, {len(contents)} bytes found; expected {expected}")
    if len(contents) > expected:
        raise DamagedData(f"{path}: more than {expected} bytes found; the values of {shape} end there")
    found = hashlib.sha256(contents).hexdigest()
    if found != digest:
        raise DamagedData(
            f"{path}: contents with SHA-256 {found} found; expected {digest} (files of other data sets may bear"
            " the same name)"
        )
    return np.frombuffer(contents, np.uint8, offset=len(header)).reshape(shape)


def idx_header(shape: tuple[int, ...]) -> bytes:
    """First bytes of an IDX file of unsigned bytes of this shape.

    >>> idx_header((60000, 28, 28)).hex()
    '000008030000ea600000001c0000001c'
    """
    return bytes([0, 0, _UNSIGNED_BYTES, len(shape)]) + np.array(shape, ">u4").tobytes()


def idx_digest(values: NDArray[np.uint8]) -> str:
    """SHA-256 of the IDX file that holds ``values``, uncompressed.

    Raises ValueError for values that are not unsigned bytes.
    """
    if values.dtype != np.uint8:
        raise ValueError(f"values: dtype {values.dtype} given; they are uint8")
    digest = hashlib.sha256(idx_header(values.shape))
    digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _contents(path: Path, limit: int) -> bytes:
    """The first ``limit`` bytes, uncompressed: a wrong file of any size costs no more memory than the right one."""
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if not packed:
            return raw.read(limit)
        try:
            with gzip.GzipFile(fileobj=raw) as unpacked:
                return unpacked.read(limit)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            size = path.stat().st_size
            raise DamagedData(
                f"{path}: {size} bytes of gzip data found that do not unpack ({error}); expected a whole gzip"
                f" file of {limit - 1} bytes unpacked"
            ) from error
