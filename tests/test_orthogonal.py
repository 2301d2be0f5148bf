"""X = Q R by Cholesky where it loses nothing, and by QR where it would: both against long numbers."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from experiments import orthogonal
from experiments.law import Law, constant
from experiments.law_inputs import sample_inputs
from experiments.orthogonal import LEAST, basis_and_triangle, triangle
from experiments.traces import FloatArray


def matrices(rows: int, k: int, count: int = 5) -> FloatArray:
    return np.random.default_rng(rows + k).standard_normal((count, rows, k))


def by_long_numbers(x: FloatArray) -> FloatArray:
    """R with a positive diagonal, by Cholesky's algorithm in 60 digits."""
    with mpmath.workdps(60):
        long = mpmath.matrix(x.tolist())
        return np.array((mpmath.cholesky(long.T * long).T).tolist(), dtype=float)


def signed(r: FloatArray) -> FloatArray:
    """R's rows with a positive diagonal."""
    return r * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None]


@pytest.mark.parametrize(("rows", "k"), [(1, 1), (7, 1), (5, 5), (40, 3), (64, 32), (2, 5)])
def test_q_is_orthogonal_and_q_r_is_x(rows: int, k: int) -> None:
    x = matrices(rows, k)
    q, r = basis_and_triangle(x)
    rank = min(rows, k)
    assert q.shape == (5, rows, rank) and r.shape == (5, rank, k)
    np.testing.assert_allclose(q @ r, x, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        q.transpose(0, 2, 1) @ q, np.broadcast_to(np.eye(rank), (5, rank, rank)), atol=1e-9
    )
    assert (np.tril(r, -1) == 0).all()
    assert r.tobytes() == triangle(x).tobytes()


@pytest.mark.parametrize("angle", [1.0, 1e-1, 1e-2, 4e-3, 3e-3, 1e-3, 1e-6, 1e-9, 1e-12])
def test_no_angle_loses_digits(angle: float) -> None:
    """On both sides of where one way takes over from the other; the sine is in R's last corner."""
    x = matrices(50, 3)
    x[:, :, 2] = x[:, :, 0] - 0.5 * x[:, :, 1] + angle * x[:, :, 2]
    found = signed(triangle(x))
    for one, r in zip(x, found, strict=True):
        expected = by_long_numbers(one)
        worst = 2e-10 if expected[2, 2] ** 2 >= LEAST * (one[:, 2] @ one[:, 2]) else 1e-14 / angle
        assert r[2, 2] == pytest.approx(expected[2, 2], rel=worst)
        np.testing.assert_allclose(r, expected, rtol=0, atol=1e-9)


def test_only_what_loses_digits_is_done_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    right = np.linalg.qr
    monkeypatch.setattr(
        orthogonal.np.linalg, "qr", lambda x, *a, **k: seen.append(len(x)) or right(x, *a, **k)
    )
    x = matrices(50, 3)
    triangle(x)
    assert seen == []
    x[1, :, 2] = x[1, :, 0] + 1e-8
    x[3, :, 1] = 0
    basis_and_triangle(x)
    assert seen == [2]


def test_zeros_equal_columns_and_what_is_no_number() -> None:
    x = matrices(6, 2)
    x[0, :, 0], x[1], x[2, :, 1] = 0, 0, x[2, :, 0]
    q, r = basis_and_triangle(x)
    np.testing.assert_allclose(q @ r, x, atol=1e-14)
    np.testing.assert_allclose(
        q.transpose(0, 2, 1) @ q, np.broadcast_to(np.eye(2), (5, 2, 2)), atol=1e-12
    )
    x[4, 3, 0] = np.nan
    assert np.isnan(triangle(x)[4]).any() and np.isfinite(triangle(x)[:4]).all()


def test_sizes_far_apart_are_no_reason() -> None:
    x = matrices(30, 3)
    scales = np.array([1e-60, 1.0, 1e60])
    np.testing.assert_allclose(triangle(x * scales), triangle(x) * scales, rtol=1e-12)


def test_networks_are_the_same_by_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same weights, up to the sign of Q's columns, which a Gaussian matrix does not see: only laws can agree."""
    x = np.random.default_rng(0).standard_normal((3, 20))
    law = Law(constant(20, 12), 2**0.5)

    def mean_angles() -> FloatArray:
        j = sample_inputs(law, x, networks=3000, seed=0, both=True)
        return np.stack(
            [j.angles[:, -1, 0, 1], j.backward_angles[:, 0, 0, 1], j.kernel_cosines[:, 0, 1]]
        )

    by_cholesky = mean_angles()
    monkeypatch.setattr(orthogonal, "LEAST", 2.0)  # nothing fits
    by_qr = mean_angles()
    difference = np.nanmean(by_cholesky, axis=1) - np.nanmean(by_qr, axis=1)
    error = np.sqrt((np.nanvar(by_cholesky, axis=1) + np.nanvar(by_qr, axis=1)) / 3000)
    assert (np.abs(difference) < 4.5 * error).all()
