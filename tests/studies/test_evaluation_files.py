"""Files that cannot be evaluated are refused by name before any work."""

import numpy as np
import pytest

from companion.studies.evaluation_files import BadInput, picture_shape, read_inputs


@pytest.fixture
def files(tmp_path):
    """Saves arrays as .npy and gives their paths."""

    def save(**arrays):
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", array)
        return [tmp_path / f"{name}.npy" for name in arrays]

    return save


def draw(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.uint8, np.int32, np.longdouble])
def test_any_shape_and_real_type_is_flattened(files, kind):
    samples, train = (10 * draw(5, 1, 4, 6)).astype(kind), (10 * draw(7, 4, 6)).astype(kind)
    given = read_inputs(*files(samples=samples, train=train))
    assert given.samples.shape == (5, 24) and given.train.shape == (7, 24)
    np.testing.assert_allclose(given.samples, samples.reshape(5, 24).astype(float), rtol=1e-15)
    assert given.picture == (4, 6)
    assert given.files["samples"]["shape"] == [5, 1, 4, 6]
    assert given.labels is None and given.held_out is None and given.notes == ()


def test_labels_come_in_any_whole_form(files):
    train = draw(12, 9)
    for labels in (np.arange(12) % 2, np.arange(12.0)[:, None] // 6, np.arange(12) > 5):
        given = read_inputs(*files(samples=draw(3, 9), train=train, labels=labels))
        assert given.labels is not None and given.labels.dtype == np.int64
        np.testing.assert_array_equal(given.labels, labels.ravel())


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (
            {"samples": draw(3, 8)},
            r"samples\.npy: images of 8 numbers \(array \(3, 8\)\), but those of .*train\.npy have 9",
        ),
        ({"held": draw(3, 10)}, r"held\.npy: images of 10 numbers"),
        ({"samples": np.full((3, 9), np.nan)}, r"samples\.npy: NaN, infinity or more than 1e\+100 in row 0"),
        (
            {"train": np.where(np.arange(12)[:, None] == 7, np.inf, draw(12, 9))},
            r"train\.npy: NaN, infinity or more than 1e\+100 in row 7",
        ),
        ({"samples": 1e200 * np.ones((3, 9))}, r"samples\.npy: .* in row 0"),
        ({"samples": draw(9)}, r"samples\.npy: array \(9,\)"),
        ({"samples": np.empty((0, 9))}, r"samples\.npy: array \(0, 9\)"),
        ({"samples": draw(3, 9) + 1j}, r"samples\.npy: numbers of type complex128"),
        ({"samples": np.full((3, 9), "a")}, r"samples\.npy: numbers of type <U1"),
        ({"train": draw(1, 9), "labels": np.zeros(1, int)}, r"train\.npy: 1 image"),
        (
            {"labels": np.zeros(11, int)},
            r"labels\.npy: labels \(11,\) given, allowed is one for each of the 12",
        ),
        ({"labels": np.zeros((12, 2), int)}, r"labels\.npy: labels \(12, 2\)"),
        ({"labels": np.full(12, 0.5)}, r"labels\.npy: .*whole numbers"),
        ({"labels": np.array(3)}, r"labels\.npy: labels \(\)"),
    ],
)
def test_what_does_not_fit_is_named(files, arrays, said):
    defaults = {"samples": draw(3, 9), "train": draw(12, 9), "labels": np.zeros(12, int), "held": draw(4, 9)}
    samples, train, labels, held = files(**(defaults | arrays))
    with pytest.raises(BadInput, match=said):
        read_inputs(samples, train, labels, held)


def test_too_many_classes(files):
    with pytest.raises(BadInput, match="300 different labels given, allowed are 256"):
        read_inputs(*files(samples=draw(3, 9), train=draw(300, 9), labels=np.arange(300)))


def test_what_is_no_array_is_named(files, tmp_path):
    (train,) = files(train=draw(12, 9))
    missing, text, cut, archive, objects = (
        tmp_path / f"{name}.npy" for name in ("no", "text", "cut", "zip", "obj")
    )
    text.write_text("1 2 3")
    cut.write_bytes(train.read_bytes()[:200])
    with archive.open("wb") as file:
        np.savez(file, a=draw(3, 9))
    np.save(objects, np.array([{}, {}], dtype=object), allow_pickle=True)
    for path, said in (
        (missing, "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (text, "no .npy file"),
        (archive, "no .npy file"),
        (cut, "damaged"),
        (objects, "Python objects"),
    ):
        with pytest.raises(BadInput) as caught:
            read_inputs(path, train)
        assert str(path) in str(caught.value) and said in str(caught.value)


def test_what_may_be_a_mistake_is_remarked(files):
    pixels = np.random.default_rng(1).integers(0, 256, size=(12, 9)).astype(np.uint8)
    given = read_inputs(*files(samples=draw(5, 9).clip(-1, 1), train=pixels))
    (note,) = given.notes
    assert "samples.npy runs from" in note and "same units?" in note
    few = read_inputs(*files(samples=draw(5, 9), train=draw(8, 9), labels=np.arange(8) % 4))
    assert "nearest image only" in few.notes[0]
    two = read_inputs(*files(samples=draw(5, 9), train=draw(2, 9)))
    assert any("no null rate" in note for note in two.notes)


def test_pictures():
    assert picture_shape((5, 784)) == (28, 28)
    assert picture_shape((5, 28, 20)) == (28, 20)
    assert picture_shape((5, 1, 16, 16)) == picture_shape((5, 16, 16, 1)) == (16, 16)
    assert picture_shape((5, 3, 32, 32)) is picture_shape((5, 9)) is picture_shape((5, 1)) is None
