"""The lesson's digits: what it prints of mean and deviation, beside what the digits here lead to expect.

The lesson has 50,000 training and 10,000 validation digits, and we have 5,000 in all. How far its numbers may be from
ours, and its two sets from each other, follows from how much one image differs from another.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from derivations.init.standardize import DERIVATION
from experiments.data import digits

TRAIN, VALIDATION, UNITS = 50_000, 10_000, 50


def table(source: str) -> pd.DataFrame:
    """``lesson.csv``: its numbers, what to expect, and its standard error; ``pixels_alone`` for independent pixels."""
    data = digits(source)
    images = np.concatenate([data.train, data.validation]).astype(np.float64)
    images = images * data.deviation + data.mean
    mean, std, pixels = images.mean(), images.std(), images.shape[1]
    ink = images.mean(axis=1).var(ddof=1)
    contrast = np.square(images - mean).mean(axis=1).var(ddof=1) / std**4
    sizes = {"raw": (len(images), TRAIN), "validation": (VALIDATION, TRAIN)}

    def shift(kind: str, variance: float) -> float:
        m, n = sizes[kind]
        return math.sqrt(DERIVATION.predict("shift")(image_var=variance, validation=m, train=n))

    def scale(kind: str, variance: float) -> float:
        m, n = sizes[kind]
        return math.sqrt(DERIVATION.predict("scale")(contrast_var=variance, validation=m, train=n))

    single = (
        np.square((images - mean) / std).var() / pixels
    )  # contrast, if each pixel were a sample
    effect = DERIVATION.predict("design_effect")
    alone = float(effect(pixel_var=std**2, pixels=pixels, correlation=0))
    mean_image = ((images - mean) / std).mean(axis=0)
    layer = DERIVATION.predict("layer_mean")(
        weight_var=1 / pixels, mean_image_square=np.square(mean_image).sum(), units=UNITS
    )
    rows = [
        ("training set: mean", 0.1304, mean, shift("raw", ink), shift("raw", alone)),
        (
            "training set: deviation",
            0.3073,
            std,
            std * scale("raw", contrast),
            std * scale("raw", single),
        ),
        (
            "validation set: mean",
            -0.0058,
            0.0,
            shift("validation", ink) / std,
            shift("validation", alone) / std,
        ),
        (
            "validation set: deviation",
            0.9924,
            1.0,
            scale("validation", contrast),
            scale("validation", single),
        ),
        ("first layer, linear: mean", 0.2035, 0.0, math.sqrt(layer), math.nan),
    ]
    found = pd.DataFrame(
        rows, columns=["quantity", "lesson", "predicted", "standard_error", "pixels_alone"]
    )
    found["z"] = (found["lesson"] - found["predicted"]) / found["standard_error"]
    return found
