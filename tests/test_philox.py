"""Counted random numbers: the published answers, normal numbers to the digit, and what a sequence must not show."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from experiments import philox, philox_long
from experiments.passes import Stack, Weights
from experiments.stack import random_stream
from experiments.streams import layer_of
from experiments.weights import kaiming_weights

FULL = 2**32 - 1
KEY, COUNTER = (11, 12), (3, 0, 7)
# Random123's tests/kat_vectors, for philox4x32 with 10 rounds: counter, key, answer.
PUBLISHED = (
    "00000000 00000000 00000000 00000000 00000000 00000000 6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    "ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 408f276d 41c83b0e a20bc7c6 6d5451fd",
    "243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0 d16cfe09 94fdcceb 5001e420 24126ea1",
)


def plainly(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """Philox4x32-10 as the paper says it, in Python's integers."""
    a, b, c, d = counter
    x, y = key
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = q // 2**32 ^ b ^ x, q % 2**32, p // 2**32 ^ d ^ y, p % 2**32
        x, y = (x + 0x9E3779B9) % 2**32, (y + 0xBB67AE85) % 2**32
    return a, b, c, d


def words(
    count: int, key: tuple[int, int] = KEY, counter: tuple[int, int, int] = COUNTER
) -> np.ndarray:
    """Words in the order of their counters."""
    found = np.empty((-(-count // (4 * philox.LANES)), 4, philox.LANES), np.uint32)
    wide = [tuple(map(np.uint64, each)) for each in (counter, key)]
    for tile, part in enumerate(found):
        philox.four_rows(part, tile * philox.LANES, *wide)
    return found.transpose(0, 2, 1).reshape(-1)[:count]


def normal(
    count: int, key: tuple[int, int] = KEY, counter: tuple[int, int, int] = COUNTER
) -> np.ndarray:
    out = np.empty(count, np.float32)
    philox.normal(out, key, counter)
    return out


@pytest.mark.parametrize("line", PUBLISHED)
def test_the_published_answers(line: str) -> None:
    numbers = [int(word, 16) for word in line.split()]
    found = philox.encipher(*map(np.uint64, numbers[:6]))
    assert [int(word) for word in found] == numbers[6:]
    assert plainly(tuple(numbers[:4]), tuple(numbers[4:6])) == tuple(numbers[6:])


def test_every_word_is_that_of_its_counter() -> None:
    rng = random.Random(0)
    for _ in range(20):
        key, counter = [tuple(rng.randrange(2**32) for _ in range(n)) for n in (2, 3)]
        found = words(4 * 600, key, counter).reshape(-1, 4)
        for first in (0, 1, 511, 512, 599):
            assert tuple(map(int, found[first])) == plainly((first, *counter), key)


def test_a_number_depends_on_its_place_and_not_on_how_many_there_are() -> None:
    whole = normal(9000)
    for count in (0, 1, 2, 3, 511, 2047, 2048, 2049, 4096, 8191):
        assert normal(count).tobytes() == whole[:count].tobytes()


def test_normal_numbers_are_box_and_mullers() -> None:
    """Every one, in float64 from the words that made it; the radius is exact but for float32's words."""
    found = normal(4 * philox.LANES * 50).reshape(50, 2, -1).astype(float)
    length, angle = (
        words(found.size)
        .reshape(50, -1, 4)
        .transpose(0, 2, 1)
        .reshape(50, 2, -1)
        .transpose(1, 0, 2)
    )
    u = ((length >> 1).astype(np.float32) + np.float32(0.5)).astype(float) / 2**31
    radius, turn = np.sqrt(-2 * np.log(u)), angle.astype(float) * (2 * np.pi / 2**32)
    expected = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
    assert np.abs(found - expected).max() < 1e-6


def test_the_ends_of_all_ranges() -> None:
    ends = np.array([0, 1, 2, FULL // 2, FULL - 1, FULL], np.uint32)
    x, y = np.empty((2, len(ends)), np.float32)
    for turn in (0, 2**30, 2**31, 3 * 2**30, FULL, 2**29, 2**29 - 1):
        philox.normal_pairs(ends, np.full_like(ends, turn), x, y, np.float32(0), np.float32(1))
        assert np.isfinite(x).all() and np.isfinite(y).all()
        assert np.hypot(x, y).max() == pytest.approx(np.sqrt(2 * np.log(2**32)), rel=1e-6)
    philox.evenly(ends, x, np.float32(-1), np.float32(1))
    assert x.min() == -1 and x.max() < 1
    philox.evenly(ends, x, np.float32(1), np.float32(1 + 2**-23))  # nothing lies between
    assert (x == 1).all()


def test_a_machine_without_vectors_draws_the_same_bits(tmp_path: Path) -> None:
    """Numba told of no more than the first 64-bit processors have: no AVX, no fused multiplication."""
    script = """
import numpy as np
from hashlib import sha256
from experiments import philox, philox_long
out = np.empty((2, 5000), np.float32)
philox.normal(out[0], (11, 12), (3, 0, 7), 0.5, 2.0)
philox.uniform(out[1], (11, 12), (3, 0, 7), -0.3, 0.7)
print(sha256(out.tobytes()).hexdigest())
"""
    plain = {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **plain},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    out = np.empty((2, 5000), np.float32)
    philox.normal(out[0], KEY, COUNTER, 0.5, 2.0)
    philox.uniform(out[1], KEY, COUNTER, -0.3, 0.7)
    assert done.stdout.strip() == sha256(out.tobytes()).hexdigest()


def p_values() -> Iterator[tuple[str, float]]:
    """What a sequence is suspected of, each with its p-value: within one key, and between neighbouring ones."""
    x, n = normal(2**20).astype(float), 2**20
    yield "mean", 2 * stats.norm.sf(abs(x.mean()) * n**0.5)
    yield "variance", 2 * min(stats.chi2.cdf((x**2).sum(), n), stats.chi2.sf((x**2).sum(), n))
    for power, spread in ((3, 15), (4, 96)):
        moved = (x**power).mean() - (3 if power == 4 else 0)
        yield f"moment {power}", 2 * stats.norm.sf(abs(moved) * (n / spread) ** 0.5)
    yield "normal", stats.kstest(x, "norm").pvalue
    u = np.empty(n, np.float32)
    philox.uniform(u, KEY, COUNTER)
    yield "uniform", stats.kstest(u, "uniform").pvalue
    for lag in (1, 2, 3, 4, philox.LANES, 2 * philox.LANES, 4 * philox.LANES):
        for name, y in (("", x), (" of squares", (x**2 - 1) / 2**0.5)):
            r = (y[:-lag] * y[lag:]).sum() / (n - lag) ** 0.5
            yield f"lag {lag}{name}", 2 * stats.norm.sf(abs(r))
    neighbours = {"key": ((12, 12), COUNTER), "second word": ((11, 13), COUNTER)}
    neighbours |= {f"counter {i}": (KEY, (3 + (i == 1), i == 2, 7 + (i == 3))) for i in (1, 2, 3)}
    for name, (key, counter) in neighbours.items():
        y = normal(n, key, tuple(map(int, counter))).astype(float)
        yield f"{name}: correlation", 2 * stats.norm.sf(abs((x * y).sum()) / n**0.5)
        yield (
            f"{name}: of squares",
            2 * stats.norm.sf(abs(((x**2 - 1) * (y**2 - 1)).sum() / 2) / n**0.5),
        )


def of_words() -> Iterator[tuple[str, float]]:
    """As :func:`p_values`, of the bits: each, bytes, serial pairs, runs, birthday spacings, and avalanches."""
    w = words(2**20)
    for bit in range(32):
        yield f"bit {bit}", stats.binomtest(int((w >> bit & 1).sum()), len(w)).pvalue
    for name, values in (("bytes", w.view(np.uint8)), ("pairs of bytes", w.view(np.uint16))):
        yield (
            name,
            stats.chisquare(np.bincount(values, minlength=2 ** (8 * values.itemsize))).pvalue,
        )
    top = w >> 28
    yield (
        "serial pairs",
        stats.chisquare(np.bincount(top[:-1:2] * 16 + top[1::2], minlength=256)).pvalue,
    )
    rows = w.reshape(-1, 4) >> 29  # the four words of a counter, beside each other
    yield (
        "serial fours",
        stats.chisquare(np.bincount(rows @ [512, 64, 8, 1], minlength=4096)).pvalue,
    )
    up = np.diff(w.astype(np.int64)) > 0
    runs, n = 1 + int((up[1:] != up[:-1]).sum()), len(w)
    yield (
        "runs up and down",
        2 * stats.norm.sf(abs(runs - (2 * n - 1) / 3) / ((16 * n - 29) / 90) ** 0.5),
    )
    above = w > 2**31
    k, runs = int(above.sum()), 1 + int((above[1:] != above[:-1]).sum())
    mean = 1 + 2 * k * (n - k) / n
    yield "runs", 2 * stats.norm.sf(abs(runs - mean) / ((mean - 1) * (mean - 2) / (n - 1)) ** 0.5)
    # Marsaglia's: of 2**11 birthdays in 2**27 days, equal spacings are Poisson with m**3 / 4 n = 16
    days = np.sort(w[: 512 * 2**11].reshape(512, -1) >> 5, axis=1)
    spacings = np.sort(np.diff(days.astype(np.int64), axis=1), axis=1)
    equal = int((np.diff(spacings, axis=1) == 0).sum())
    yield "birthday spacings", stats.binomtest(equal, 512 * 2**11, 16 / 2**11).pvalue
    for name, change in (("key", (1, 0)), ("counter", (0, 1))):
        other = words(2**16, (KEY[0] ^ change[0], KEY[1]), (COUNTER[0] ^ change[1], *COUNTER[1:]))
        flipped = int(np.bitwise_count(w[: 2**16] ^ other).sum())
        yield f"avalanche of a {name}", stats.binomtest(flipped, 32 * 2**16).pvalue


@pytest.mark.parametrize("suspicions", [p_values, of_words])
def test_nothing_is_suspicious(suspicions: object) -> None:
    """All at once, by Holm's correction, with one false alarm in a thousand keys; the key is no choice."""
    found = sorted((p, name) for name, p in suspicions())  # type: ignore[operator]
    assert all(np.isfinite(p) for p, _ in found)
    rejected = [name for i, (p, name) in enumerate(found) if p * (len(found) - i) < 1e-3]
    assert rejected == [], found[:3]


def test_a_layer_is_drawn_whatever_was_drawn_before() -> None:
    stack = Stack(
        (6, 9, 5, 8), kaiming_weights("normal").fill, biases=lambda b, n, s: b.normal_(generator=s)
    )
    drawn = {}
    for order in ((1, 2, 3), (3, 1, 2)):
        weights, stream = Weights(stack, "cpu", twice=False), random_stream(0, 5)
        for layer in order:
            w = weights.draw(layer, stream)
            found = torch.cat([w.flatten(), weights.bias(layer)])  # type: ignore[list-item]
            assert torch.equal(drawn.setdefault(layer, found), found)
            torch.rand(7, generator=stream)
    assert len({tuple(found[:40].tolist()) for found in drawn.values()}) == 3


def test_a_layers_second_draw_is_another_and_other_generators_are_left_alone() -> None:
    stream, plain = random_stream(0, 5), torch.Generator().manual_seed(3)
    theirs = torch.empty(20).normal_(generator=torch.Generator().manual_seed(3))
    first, second = torch.empty(20), torch.empty(20)
    with layer_of(stream, 1):
        first.normal_(generator=stream)
        second.normal_(generator=stream)
        assert torch.equal(torch.empty(20).normal_(generator=plain), theirs)
    assert not (first == second).any()
    with layer_of(plain, 1):
        torch.empty(20).normal_(generator=plain)


def test_what_is_filled_is_what_torch_would_fill() -> None:
    """Slices, transposes, means and bounds, by place and by name; what torch refuses is refused."""
    stream = random_stream(0, 1)

    def drawn(fill: object) -> torch.Tensor:
        tensor = torch.zeros(30, 20)
        with layer_of(stream, 4):
            fill(tensor)  # type: ignore[operator]
        return tensor

    plain = drawn(lambda t: t.normal_(generator=stream))
    assert torch.equal(drawn(lambda t: t.normal_(0, 1, generator=stream)), plain)
    moved = drawn(lambda t: t.normal_(mean=3, std=0.5, generator=stream))
    assert torch.allclose(moved, 3 + 0.5 * plain, atol=1e-6)
    even = drawn(lambda t: t.uniform_(-2, to=4, generator=stream))
    assert even.min() < -1.9 and 3.9 < even.max() < 4
    part = drawn(lambda t: t[:, 5:].normal_(generator=stream))
    assert (part[:, :5] == 0).all() and torch.equal(part[:, 5:].flatten(), plain.flatten()[:450])
    turned = drawn(lambda t: t.T.normal_(generator=stream))
    assert torch.equal(turned.T.flatten(), plain.flatten())
    before = stream.get_state()
    still = drawn(lambda t: t.normal_(2, 0, generator=stream))
    assert (still == 2).all() and torch.equal(stream.get_state(), before)  # torch's are not used up
    wanting = torch.zeros(3, requires_grad=True)
    with layer_of(stream, 4), torch.no_grad():
        assert wanting.normal_(generator=stream) is wanting and wanting.requires_grad
    with layer_of(stream, 4), pytest.raises(RuntimeError, match="std"):
        torch.zeros(3).normal_(0, -1, generator=stream)
    with layer_of(stream, 4):  # torch's own numbers, as the kernels are for float32
        assert torch.zeros(3, dtype=torch.float64).normal_(generator=stream).dtype == torch.float64


def test_keys_of_96_bits_are_distinct() -> None:
    made = [
        random_stream(seed, *key) for seed in range(20) for key in ((), (0,), (1,), (0, 0), (0, 1))
    ]
    assert len({(*stream.key, stream.word) for stream in made}) == len(made)
    assert all(0 <= word <= FULL for stream in made for word in (*stream.key, stream.word))


def test_long_normal_numbers_are_box_and_mullers() -> None:
    """To 14 digits, and where they change their sign, too: relative to the sine of the angle."""
    tiles = 40
    found = np.empty(2 * philox.LANES * tiles)
    philox_long.normal(found, KEY, COUNTER)
    a, b, c, d = words(2 * found.size).reshape(tiles, -1, 4).transpose(2, 0, 1).astype(np.uint64)
    u = ((a << np.uint64(32) | b) >> np.uint64(11)).astype(float) + 0.5
    turn = np.ldexp((c << np.uint64(32) | d).view(np.int64).astype(float), -64) * (2 * np.pi)
    radius = np.sqrt(-2 * np.log(np.ldexp(u, -53)))
    expected = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
    np.testing.assert_allclose(found.reshape(tiles, 2, -1), expected, rtol=1e-13, atol=2e-15)
    for count in (0, 1, 1023, 1024, 1025):
        few = np.empty(count)
        philox_long.normal(few, KEY, COUNTER)
        assert few.tobytes() == found[:count].tobytes()


def test_long_normal_numbers_have_a_sign_at_every_scale() -> None:
    """Near zero the law is even at all scales: as many numbers in each octave as there should be, down to 2**-18."""
    numbers = np.empty(2**22)
    philox_long.normal(numbers, (5, 6), COUNTER)
    assert stats.kstest(numbers[: 2**20], "norm").pvalue > 1e-3 / 40
    edges = 2.0 ** np.arange(-18, 3)
    counts = np.histogram(np.abs(numbers), np.concatenate([[0], edges, [np.inf]]))[0]
    shares = np.diff(stats.halfnorm.cdf(np.concatenate([[0], edges, [np.inf]])))
    assert stats.chisquare(counts, shares * len(numbers)).pvalue > 1e-3 / 40
    lag = (numbers[:-1] * numbers[1:]).sum() / len(numbers) ** 0.5
    assert abs(lag) < 4.5
