"""Normalised inputs: how far two sets' statistics differ, what own statistics do, and what a mean image leaves."""

from __future__ import annotations

import sympy as sp
from sympy import KroneckerDelta, Sum

from derivations.expectation import Independent, Mean, Variance
from derivations.notation import symbols
from derivations.proof import Derivation, Given, Prediction, Step

train, validation, pool = symbols("lecun1998", "train validation pool")
pixels, pixel_var, correlation = symbols("lecun1998", "pixels pixel_var correlation")
population_mean, image_var = symbols("lecun1998", "population_mean image_var")
contrast_var, stretch, offset = symbols("lecun1998", "contrast_var stretch offset")
weight_var, units, spread_var = symbols("lecun1998", "weight_var units spread_var")
(mean_image_square,) = symbols("lecun1998", "mean_image_square")

i, j, k = sp.symbols("i j k", integer=True, positive=True)
shared, one, x, left, right = sp.symbols("shared one x left right", real=True)
e, u, v, y, w, M = (sp.IndexedBase(name) for name in ("e", "u", "v", "y", "W", "M"))

n, m, N, P, t = train, validation, pool, pixels, image_var
IMAGE = {1: population_mean, 2: population_mean**2 + t}
TRAIN, VALIDATION = Sum(u[i], (i, 1, n)) / n, Sum(v[i], (i, 1, m)) / m
SETS = ((train, (1, 2, 3)), (validation, (1, 2, 3)))
ZERO_MEAN = ("variance ↔ second moment", 1, "the mean is zero")
centre = Sum(y[k], (k, 1, N)) / N
spread = Sum((y[i] - centre) ** 2, (i, 1, N)) / (N - 1)

DERIVATION = Derivation(
    row="init/standardize",
    title="Standardised inputs",
    papers=("lecun1998",),
    section="4.3",
    claim="Both sets take the mean and the deviation of the *training* set. Two sets' means differ by "
    "$\\tau\\sqrt{1/m + 1/n}$, where $\\tau$ is the deviation between images, not between pixels; and one mean for all "
    "pixels leaves a mean image, which moves the mean of every unit of the first layer.",
    lines=(
        Given(
            "one_image",
            "The pixels of an image have a part in common, as some images have more ink: each is the sum of a shared "
            "number of variance $\\rho\\sigma^2$ and one of its own of variance $(1-\\rho)\\sigma^2$.",
        ),
        Step(
            "design_effect",
            Mean(
                (Sum(shared + e[k], (k, 1, P)) / P) ** 2,
                Independent(shared, {1: 0, 2: correlation * pixel_var}),
                Independent(e, {1: 0, 2: (1 - correlation) * pixel_var}),
            ),
            pixel_var / P * (1 + (P - 1) * correlation),
            why="the variance of an image's mean: $1 + (P-1)\\rho$ times what pixels would give that are independent "
            "of each other. For 784 pixels a correlation of one percent makes that almost nine",
            cases=((pixels, (1, 2, 3)),),
        ),
        Given(
            "images",
            "Images are independent of each other, with one law. The mean of an image has mean $\\mu$ and variance "
            "$\\tau^2$.",
        ),
        Step(
            "shift",
            Mean((VALIDATION - TRAIN) ** 2, Independent(u, IMAGE), Independent(v, IMAGE)),
            t * (1 / m + 1 / n),
            why="how far the mean of a validation set is from that of the training set, as a mean square; on average "
            "it is at the same place",
            cases=SETS,
            same=(ZERO_MEAN,),
        ),
        Step(
            "own_variance",
            pixel_var - Variance(VALIDATION, Independent(v, IMAGE)),
            pixel_var - t / m,
            why="around its *own* mean a set varies a little less than around the true one",
            cases=((validation, (1, 2, 3)),),
        ),
        Step(
            "scale",
            Mean(
                (left / 2 - right / 2) ** 2,
                Independent(left, {1: 0, 2: contrast_var / m}),
                Independent(right, {1: 0, 2: contrast_var / n}),
            ),
            contrast_var / 4 * (1 / m + 1 / n),
            why="and the deviation: it is $\\sigma\\sqrt{1 + \\epsilon}$, to first order $\\sigma(1 + \\epsilon/2)$, "
            "with $\\epsilon$ a mean over images of variance $\\kappa/m$",
            same=(ZERO_MEAN,),
        ),
        Given(
            "split",
            "In the experiment the two sets are one pool of $N = n + m$ images, split at random: each image is in "
            "one of them, so they are not quite independent. $y_i$ is a number of image $i$.",
        ),
        Step(
            "without_replacement",
            Sum(
                (1 - KroneckerDelta(i, j)) * (y[i] - centre) * (y[j] - centre), (i, 1, N), (j, 1, N)
            )
            / (N * (N - 1)),
            -spread / N,
            why="two different images of a pool vary against each other: what one has, the other cannot have. The "
            "sum is $-\\tau^2/N$, with $\\tau^2$ the pool's variance over $N - 1$",
            cases=((pool, (2, 3)),),
            same=(
                ("lost term", 3, "deviations from the mean add up to zero"),
                ("shifted bound", 1, "deviations from the mean add up to zero"),
            ),
        ),
        Step(
            "split_mean",
            t * (N - 1) / N / m + (m - 1) / m * (-t / N),
            t * (1 / m - 1 / N),
            why="the variance of the mean of $m$ of them: their variances, and their covariances",
        ),
        Step(
            "split_variance",
            pixel_var - (t * (N - 1) / N / m + (m - 1) / m * (-t / N)),
            pixel_var - t * (1 / m - 1 / N),
            why="so around its own mean a set of $m$ of them varies by this, if all of the pool vary by $\\sigma^2$",
        ),
        Step(
            "split_shift",
            (t * (1 / m - 1 / (n + m))) * ((n + m) / n) ** 2,
            t * (1 / m + 1 / n),
            why="the other set's mean is off by $-m/n$ times as much, so the difference is $(n + m)/n$ times as large: "
            "the shift of independent sets again, exactly",
        ),
        Given(
            "own",
            "Now let the validation set be normalised by its own mean and deviation, to $z$, and not by the training "
            "set's. $a$ is the ratio of the deviations, $b$ the difference of the means over the training set's "
            "deviation.",
        ),
        Step(
            "displacement",
            Mean((stretch * one + offset - one) ** 2, Independent(one, {1: 0, 2: 1})),
            (stretch - 1) ** 2 + offset**2,
            why="the right place of a pixel is $az + b$: over a set of mean 0 and mean square 1 it is this far away, "
            "as a mean square. The network was trained for the one place, and is asked about the other",
        ),
        Given(
            "weights",
            "The first layer has independent weights with mean zero, drawn without looking at the data. $M$ is the "
            "mean image after normalising, pixel by pixel.",
            "lecun1998:§4.3",
        ),
        Step(
            "unit_mean",
            Variance(Sum(w[k] * M[k], (k, 1, P)), Independent(w, {1: 0, 2: weight_var})),
            weight_var * Sum(M[k] ** 2, (k, 1, P)),
            why="over all images, a unit has the mean that it gives the mean image: of variance "
            "$\\operatorname{Var}[w] \\lVert M \\rVert^2$ over draws of the weights",
            cases=((pixels, (1, 2, 3)),),
            same=(ZERO_MEAN,),
        ),
        Step(
            "layer_mean",
            Variance(
                Sum(e[i], (i, 1, units)) / units,
                Independent(e, {1: 0, 2: weight_var * mean_image_square}),
            ),
            weight_var * mean_image_square / units,
            why="and the mean over all $d$ units that the lesson prints. No number of images makes it smaller",
            cases=((units, (1, 2, 3)),),
            same=(ZERO_MEAN,),
        ),
        Step(
            "curvature",
            Sum((spread_var * KroneckerDelta(1, k) + M[1] * M[k]) * M[k], (k, 1, P)),
            (spread_var + Sum(M[k] ** 2, (k, 1, P))) * M[1],
            why="the curvature of a squared loss in the weights of a unit goes with the inputs' second moments: "
            "$s^2 I + MM^\\top$ if all pixels vary alike. Along $M$ it is $s^2 + \\lVert M\\rVert^2$, elsewhere $s^2$. "
            "A mean makes one direction steep, and the steepest one limits the learning rate of all",
            ref="lecun1998:§4.3",
            cases=((pixels, (1, 2, 3)),),
        ),
    ),
    predictions=(
        Prediction("design_effect", "design_effect", "Variance of an image's mean."),
        Prediction("shift", "split_shift", "Mean square of the difference of two sets' means."),
        Prediction("own_variance", "split_variance", "Variance of a set around its own mean."),
        Prediction("scale", "scale", "Mean square of the relative difference of two deviations."),
        Prediction("displacement", "displacement", "Mean square by which own statistics move."),
        Prediction("layer_mean", "layer_mean", "Variance of the mean of all units of a layer."),
    ),
)
