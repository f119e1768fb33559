"""Fashion-MNIST: what is embedded, what is full, and that one never stands in for the other."""

import hashlib
import io
import pickle
import zipfile
from importlib import resources

import numpy as np
import pytest

from companion.datasets import fashion_mnist
from companion.datasets.fashion_mnist import CLASS_NAMES, class_number, load
from companion.datasets.idx_files import DamagedData

HELD = resources.files("companion.datasets") / "embedded"


def test_embedded_is_balanced_and_read_only(embedded):
    assert embedded.source == "embedded"
    assert embedded.train_images.shape == (4000, 28, 28)
    assert embedded.test_images.shape == (1500, 28, 28)
    np.testing.assert_array_equal(np.bincount(embedded.train_labels), np.full(10, 400))
    np.testing.assert_array_equal(np.bincount(embedded.test_labels), np.full(10, 150))
    for name in ("images", "labels", "positions"):
        for part in ("train", "test"):
            array = getattr(embedded, f"{part}_{name}")
            assert array.dtype == (np.uint8 if name == "images" else np.int64)
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0


def test_embedded_is_read_once():
    assert load("embedded") is load("embedded")


def test_embedded_is_small_and_needs_no_pickle():
    with resources.as_file(HELD / "fashion_mnist.npz") as path:
        assert path.stat().st_size < 3e6
        with np.load(path, allow_pickle=False) as held:
            assert len(held.files) == 6
    text = (HELD / "README.txt").read_text(encoding="utf-8")
    assert "Copyright (c) 2017 Zalando SE" in text
    assert "Permission is hereby granted, free of charge" in text


def test_embedded_images_are_the_first_of_the_published_ones(embedded, full):
    assert full.source == "full"
    for part, count in (("train", 400), ("test", 150)):
        images, labels = getattr(full, f"{part}_images"), getattr(full, f"{part}_labels")
        first = np.sort(np.concatenate([np.flatnonzero(labels == c)[:count] for c in range(10)]))
        np.testing.assert_array_equal(getattr(embedded, f"{part}_positions"), first)
        np.testing.assert_array_equal(getattr(embedded, f"{part}_images"), images[first])
        np.testing.assert_array_equal(getattr(embedded, f"{part}_labels"), labels[first])


def test_full_is_whole(full):
    assert full.train_images.shape == (60000, 28, 28)
    assert full.test_images.shape == (10000, 28, 28)
    np.testing.assert_array_equal(np.bincount(full.train_labels), np.full(10, 6000))
    np.testing.assert_array_equal(np.bincount(full.test_labels), np.full(10, 1000))
    assert not full.train_images.flags.writeable
    assert full.digest != load("embedded").digest


def test_no_other_data():
    with pytest.raises(ValueError, match="data: 'mnist' given; one of embedded, full"):
        load("mnist")


def test_names_and_labels_of_classes():
    assert [class_number(name) for name in CLASS_NAMES] == list(range(10))
    assert [class_number(number) for number in range(10)] == list(range(10))
    assert class_number("ankle BOOT") == class_number(np.int64(9)) == 9


@pytest.mark.parametrize("name", ["Hat", "", 10, -1, 1.0, True, None])
def test_no_other_class(name):
    with pytest.raises(ValueError, match=r"class: .* given; one of 0 T-shirt, .*, 9 Ankle boot"):
        class_number(name)


@pytest.fixture
def replaced(tmp_path, monkeypatch):
    """Write another file in the place of the embedded one."""

    def replace(contents: bytes):
        (tmp_path / "embedded").mkdir()
        (tmp_path / "embedded/fashion_mnist.npz").write_bytes(contents)
        monkeypatch.setattr(fashion_mnist.resources, "files", lambda package: tmp_path)
        fashion_mnist._embedded.cache_clear()

    yield replace
    fashion_mnist._embedded.cache_clear()


def packed(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def held_arrays():
    with (HELD / "fashion_mnist.npz").open("rb") as file, np.load(file) as held:
        return {name: held[name] for name in held.files}


def test_one_changed_pixel_is_noticed(replaced):
    arrays = held_arrays()
    arrays["train_images"][123, 14, 14] ^= 1
    replaced(packed(arrays))
    with pytest.raises(DamagedData, match=r"SHA-256 .* found; expected .* Install the package again"):
        load("embedded")


def test_one_changed_label_is_noticed(replaced):
    arrays = held_arrays()
    arrays["test_labels"][7] ^= 1
    replaced(packed(arrays))
    with pytest.raises(DamagedData, match="SHA-256"):
        load("embedded")


def test_damaged_embedded_file_is_named(replaced):
    whole = (HELD / "fashion_mnist.npz").read_bytes()
    replaced(whole[: len(whole) // 2])
    with pytest.raises(DamagedData, match=r"fashion_mnist\.npz: not the file that comes with the package"):
        load("embedded")


def test_damage_inside_the_embedded_file_is_named(replaced):
    whole = bytearray((HELD / "fashion_mnist.npz").read_bytes())
    whole[10**6 : 10**6 + 64] = bytes(64)
    replaced(bytes(whole))
    with pytest.raises(DamagedData, match="Install the package again"):
        load("embedded")


def test_embedded_file_without_an_array_is_named(replaced):
    arrays = held_arrays()
    del arrays["test_labels"]
    replaced(packed(arrays))
    with pytest.raises(DamagedData, match="test_labels"):
        load("embedded")


def test_pickles_are_not_opened(replaced):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    arrays = held_arrays()
    file = io.BytesIO(packed(arrays))
    object_array = io.BytesIO()
    np.lib.format.write_array_header_1_0(object_array, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    object_array.write(pickle.dumps([Trap()]))
    with zipfile.ZipFile(io.BytesIO(file.getvalue())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["train_labels.npy"] = object_array.getvalue()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, contents in members.items():
            archive.writestr(name, contents)
    replaced(written.getvalue())
    with pytest.raises(DamagedData, match="allow_pickle=False"):
        load("embedded")


def test_digest_is_of_images_and_labels(embedded):
    parts = []
    for part in ("train", "test"):
        images, labels = getattr(embedded, f"{part}_images"), getattr(embedded, f"{part}_labels")
        header = bytes([0, 0, 8, 3]) + np.array(images.shape, ">u4").tobytes()
        parts.append(hashlib.sha256(header + images.tobytes()).hexdigest())
        header = bytes([0, 0, 8, 1]) + np.array(labels.shape, ">u4").tobytes()
        parts.append(hashlib.sha256(header + labels.astype(np.uint8).tobytes()).hexdigest())
    assert embedded.digest == hashlib.sha256("".join(parts).encode()).hexdigest()
