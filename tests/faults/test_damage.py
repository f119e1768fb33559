"""Results and downloads whose bytes are not the right ones."""

import gzip
import hashlib
import http.server
import threading

import numpy as np
import pytest

from companion.datasets import fashion_mnist_full as full_data
from companion.datasets.fashion_mnist_full import Published
from companion.datasets.idx_files import DamagedData, idx_digest, idx_header

pytestmark = pytest.mark.faults


def test_damaged_results_are_moved_aside_and_computed_again(finished, undisturbed):
    powers, summary = (finished.result(f"tiny_study.{name}") for name in ("powers", "summary"))
    cut, headless, *_ = sorted((finished.root / "build/store/tiny_study.walks").iterdir())
    content = bytearray((powers / "result.nc").read_bytes())
    content[len(content) // 2] ^= 1
    (powers / "result.nc").write_bytes(content)
    (cut / "result.nc").write_bytes((cut / "result.nc").read_bytes()[:1000])
    (headless / "manifest.json").unlink()
    (summary / "result.nc").unlink()
    found = finished.run("store", "verify")
    assert found.code == 1 and "6 checks, 4 not right" in found.said, found.said
    ended = finished.run("--cluster", "local")
    assert ended.code == 0, ended.said
    for folder in (powers, cut):
        assert f"{folder / 'result.nc'}: its bytes are not the ones that were written; moved to" in ended.said
    assert f"{headless}: manifest.json is missing; moved to" in ended.said
    assert f"{summary}: result.nc is missing; moved to" in ended.said
    assert len(list((finished.root / "build/store/quarantine").iterdir())) == 4
    assert finished.lasting() == undisturbed.lasting
    assert finished.run("store", "verify").code == 0


def test_a_damaged_download_is_refused_by_name_and_a_good_copy_works_afterwards(tmp_path, monkeypatch):
    array = np.random.default_rng(0).integers(0, 256, (5, 4, 4), dtype=np.uint8)
    packed = gzip.compress(idx_header(array.shape) + array.tobytes(), mtime=0)
    digest = hashlib.sha256(packed).hexdigest()
    name = "train-images-idx3-ubyte"
    known = {name: Published(array.shape, idx_digest(array), len(packed), digest)}
    damaged = packed[:-1] + bytes([packed[-1] ^ 1])
    answers = [damaged, packed]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer = answers.pop(0)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr(full_data, "FILES", known)
    monkeypatch.setattr(full_data, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(full_data, "ADDRESS", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "own"))
    try:
        with pytest.raises(DamagedData) as refused:
            full_data.read_full()
        said = str(refused.value)
        assert f"{name}.gz" in said and digest in said and hashlib.sha256(damaged).hexdigest() in said
        assert list((tmp_path / "own/fashion-mnist").iterdir()) == []
        assert (full_data.read_full()[name] == array).all()
        assert (full_data.read_full()[name] == array).all() and answers == []
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
