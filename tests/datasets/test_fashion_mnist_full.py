"""The full data: where it is looked for, what is refused, and downloads from a server on this machine."""

import gzip
import hashlib
import http.server
import threading

import numpy as np
import pytest

from companion.datasets import fashion_mnist_full as full_data
from companion.datasets.fashion_mnist_full import (
    FILES,
    DataNotFound,
    Published,
    download,
    download_folder,
    find,
    places,
    read_full,
)
from companion.datasets.idx_files import DamagedData, idx_digest, idx_header

SHAPES = {
    "train-images-idx3-ubyte": (6, 28, 28),
    "train-labels-idx1-ubyte": (6,),
    "t10k-images-idx3-ubyte": (2, 28, 28),
    "t10k-labels-idx1-ubyte": (2,),
}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Four small files in the place of the published ones: their arrays, and as packed bytes by name."""
    random = np.random.default_rng(0)
    arrays = {name: random.integers(0, 256, shape, dtype=np.uint8) for name, shape in SHAPES.items()}
    packed = {
        name: gzip.compress(idx_header(array.shape) + array.tobytes(), mtime=0)
        for name, array in arrays.items()
    }
    known = {
        name: Published(
            array.shape, idx_digest(array), len(packed[name]), hashlib.sha256(packed[name]).hexdigest()
        )
        for name, array in arrays.items()
    }
    monkeypatch.setattr(full_data, "FILES", known)
    monkeypatch.setattr(full_data, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(full_data, "ADDRESS", "http://127.0.0.1:9/")  # nothing listens there
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "own"))
    return arrays, packed


class Server:
    """Serves what ``answers`` holds, and keeps the paths that were asked for."""

    def __init__(self, answers):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                contents = answers.get(self.path.strip("/"))
                if contents is None:
                    self.send_error(404)
                    return
                body, announced = contents if isinstance(contents, tuple) else (contents, len(contents))
                self.send_response(200)
                self.send_header("Content-Length", str(announced))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *caught):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def put(folder, packed, suffix=".gz"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, contents in packed.items():
        (folder / f"{name}{suffix}").write_bytes(contents if suffix else gzip.decompress(contents))


def check(found, arrays):
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("suffix", [".gz", ""])
@pytest.mark.parametrize("inside", ["own", "own/fashion-mnist", "own/FashionMNIST/raw", "debian"])
def test_found_in_every_place(small, tmp_path, inside, suffix):
    arrays, packed = small
    put(tmp_path / inside, packed, suffix)
    check(read_full(), arrays)


def test_own_folder_comes_first(small, tmp_path):
    arrays, packed = small
    put(tmp_path / "own", packed)
    put(tmp_path / "debian", dict.fromkeys(packed, gzip.compress(b"other")))
    check(read_full(), arrays)


def test_packed_otherwise_is_the_same_data(small, tmp_path):
    arrays, packed = small
    again = {name: gzip.compress(gzip.decompress(whole), 1, mtime=1) for name, whole in packed.items()}
    assert again != packed
    put(tmp_path / "debian", again)
    check(read_full(), arrays)


def test_without_own_folder_downloads_go_to_the_cache(monkeypatch):
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    assert places() == [full_data.DEBIAN_FOLDER, download_folder()]
    assert download_folder().parts[-2:] == ("companion", "fashion-mnist")


def test_not_found_says_where_and_what_to_do(small, tmp_path):
    _, packed = small
    put(tmp_path / "debian", {name: packed[name] for name in list(packed)[:3]})
    with pytest.raises(FileNotFoundError) as caught:
        read_full()
    assert caught.type is DataNotFound
    text = str(caught.value)
    assert "data: 'full' given" in text
    for folder in ("own", "own/fashion-mnist", "own/FashionMNIST/raw"):
        assert f"{tmp_path / folder}: no such folder" in text
    assert f"{tmp_path / 'debian'}: 3 of 4 files; no t10k-labels-idx1-ubyte (or .gz)" in text
    assert "download from http://127.0.0.1:9/" in text
    assert "apt-get install dataset-fashion-mnist" in text
    assert "set COMPANION_DATA to it" in text
    assert "data='embedded'" in text


def test_damage_is_named_and_not_passed_over(small, tmp_path):
    _, packed = small
    put(tmp_path / "debian", packed)
    put(tmp_path / "own", packed)
    cut = tmp_path / "own" / "train-images-idx3-ubyte.gz"
    cut.write_bytes(cut.read_bytes()[:-20])
    with pytest.raises(DamagedData, match=r"own/train-images-idx3-ubyte\.gz: .*Remove or replace that file"):
        read_full()


def test_other_data_of_the_same_names_are_refused(small, tmp_path):
    _, packed = small
    other = idx_header((6, 28, 28)) + bytes(6 * 28 * 28)
    put(tmp_path / "own", packed | {"train-images-idx3-ubyte": gzip.compress(other)})
    with pytest.raises(DamagedData, match="files of other data sets may bear the same name"):
        read_full()


def test_download_keeps_checked_files_and_asks_once(small, tmp_path, monkeypatch):
    arrays, packed = small
    with Server({f"{name}.gz": contents for name, contents in packed.items()}) as server:
        monkeypatch.setattr(full_data, "ADDRESS", server.address)
        check(read_full(), arrays)
        check(read_full(), arrays)
        assert sorted(server.asked) == sorted(f"/{name}.gz" for name in packed)
    assert sorted(find(tmp_path / "own/fashion-mnist")) == sorted(packed)


def test_download_fills_up_what_is_missing(small, tmp_path):
    _, packed = small
    put(tmp_path, {name: packed[name] for name in list(packed)[:2]})
    with Server({f"{name}.gz": contents for name, contents in packed.items()}) as server:
        download(tmp_path, server.address)
        assert sorted(server.asked) == sorted(f"/{name}.gz" for name in list(packed)[2:])


@pytest.mark.parametrize(
    "spoil",
    [lambda whole: whole[:-1] + b"?", lambda whole: b"<html>sign in first</html>", lambda whole: b""],
    ids=["changed", "portal", "empty"],
)
def test_other_bytes_are_refused_and_not_kept(small, tmp_path, spoil):
    _, packed = small
    answers = {f"{name}.gz": contents for name, contents in packed.items()}
    answers["t10k-images-idx3-ubyte.gz"] = spoil(answers["t10k-images-idx3-ubyte.gz"])
    with (
        Server(answers) as server,
        pytest.raises(DamagedData, match=r"t10k-images-idx3-ubyte\.gz: .*expected.*but got.*Nothing of it"),
    ):
        download(tmp_path / "new", server.address)
    kept = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert kept == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]


@pytest.mark.parametrize("answer", [None, "half"], ids=["404", "cut"])
def test_interrupted_downloads_leave_nothing(small, tmp_path, monkeypatch, answer):
    _, packed = small
    name = "train-images-idx3-ubyte"
    answers = {f"{other}.gz": contents for other, contents in packed.items()}
    answers[f"{name}.gz"] = answer and (packed[name][:1000], len(packed[name]))
    with Server(answers) as server:
        monkeypatch.setattr(full_data, "ADDRESS", server.address)
        with pytest.raises(DataNotFound, match=f"download from {server.address}"):
            read_full()
    assert list((tmp_path / "own/fashion-mnist").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error(small, tmp_path):
    (tmp_path / "own").write_bytes(b"a file, not a folder")
    with pytest.raises(DataNotFound, match="own"):
        read_full()


def test_published_numbers_hold_together():
    assert sum(published.size for published in FILES.values()) == 30_878_645
    for name, published in FILES.items():
        assert len(published.shape) == int(name[name.index("idx") + 3])
        assert len(published.contents) == len(published.packed) == 64
