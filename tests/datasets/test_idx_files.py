"""IDX files: packed or not, and every way in which one can be damaged."""

import gzip
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from companion.datasets.idx_files import DamagedData, idx_digest, idx_header, read_idx

VALUES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
WHOLE = idx_header(VALUES.shape) + VALUES.tobytes()
DIGEST = hashlib.sha256(WHOLE).hexdigest()


def written(folder, contents):
    path = folder / "images-idx3-ubyte"
    path.write_bytes(contents)
    return path


def packed(contents):
    """Without the time of day in it: names of tests must be the same in every process."""
    return gzip.compress(contents, mtime=0)


@pytest.mark.parametrize("contents", [WHOLE, packed(WHOLE)], ids=["plain", "packed"])
def test_reads_what_was_written(tmp_path, contents):
    values = read_idx(written(tmp_path, contents), VALUES.shape, DIGEST)
    np.testing.assert_array_equal(values, VALUES)
    assert values.dtype == np.uint8
    assert not values.flags.writeable


@given(arrays.arrays(np.uint8, arrays.array_shapes(max_dims=4)))
def test_digest_is_that_of_the_file(values):
    contents = idx_header(values.shape) + values.tobytes()
    assert idx_digest(values) == hashlib.sha256(contents).hexdigest()
    assert idx_digest(np.asfortranarray(values)) == idx_digest(values)


@given(st.lists(st.integers(1, 2**31), min_size=1, max_size=4))
def test_header_states_the_axes(shape):
    header = idx_header(tuple(shape))
    assert header[:4] == bytes([0, 0, 8, len(shape)])
    assert [int.from_bytes(header[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(len(shape))] == shape


def changed(contents, position, value):
    return contents[:position] + bytes([value]) + contents[position + 1 :]


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"", "0 bytes found; the header alone has 16"),
        (WHOLE[:-1], "cut short, 75 bytes found; expected 76"),
        (WHOLE[:16], "cut short, 16 bytes found"),
        (WHOLE + b"\0", "more than 76 bytes found"),
        (changed(WHOLE, 2, 9), "magic number 0x00000903 was found; expected 0x00000803"),
        (changed(WHOLE, 3, 1), "magic number 0x00000801 was found; expected 0x00000803"),
        (b"<html>not found</html>", "magic number 0x3c68746d was found"),
        (changed(WHOLE, 7, 2), r"header says \(2, 4, 5\); expected \(3, 4, 5\)"),
        (changed(WHOLE, 40, 0), f"SHA-256 [0-9a-f]{{64}} found; expected {DIGEST}"),
        (packed(WHOLE)[:-12], "gzip data found that do not unpack"),
        (packed(WHOLE)[:40], "40 bytes of gzip data found that do not unpack"),
        (changed(packed(WHOLE), -5, 0), "gzip data found that do not unpack"),
        (packed(WHOLE[:-1]), "cut short, 75 bytes found"),
        (packed(WHOLE * 10**4), "more than 76 bytes found"),
    ],
)
def test_damage_is_named(tmp_path, contents, words):
    path = written(tmp_path, contents)
    with pytest.raises(DamagedData, match=words) as caught:
        read_idx(path, VALUES.shape, DIGEST)
    assert str(path) in str(caught.value)


def test_no_file_is_no_damage(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "absent", VALUES.shape, DIGEST)


def test_digests_are_of_bytes():
    with pytest.raises(ValueError, match="float64"):
        idx_digest(np.zeros(3))
