"""tensors/matmul: theory and measurement agree, the bound holds, the page's picture follows the code."""

from __future__ import annotations

import json
import math
import subprocess
from dataclasses import replace

import pytest
import torch

from derivations import load
from derivations.rows import ROOT
from docs import katex
from experiments.settings import Unusable
from experiments.statistics import judge
from experiments.tensors import _ladder as ladder
from experiments.tensors.matmul import Settings, compare, measure, tables

FEW = Settings(pairs=6, draws=300, terms=(1, 3, 40), rounds=0)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize("settings", [FEW, replace(FEW, seed=1, terms=(2,))], ids=["usual", "two"])
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


def test_the_bound_is_a_little_more_than_n_roundings_and_is_reached() -> None:
    bound = load("tensors/matmul").predict("bound")
    for terms in (1, 7, 784):
        for roundoff in (2**-24, 2**-53):
            share = bound(terms=terms, roundoff=roundoff)
            assert terms * roundoff <= share <= terms * roundoff / (1 - terms * roundoff)
    one = torch.tensor([[1 + 2**-12 + 2**-23]])  # its square is all but half a step from a float
    error = float(one @ one) / float(one.double() @ one.double()) - 1
    assert 0.5 * 2**-24 < abs(error) <= bound(terms=1, roundoff=2**-24)


def test_every_rung_is_timed_at_the_lessons_shape_and_the_slow_ones_only_there() -> None:
    samples = measure(replace(FEW, rounds=1, squares=(64,)), quiet)
    found = tables(samples, replace(FEW, rounds=1, squares=(64,)))
    times = found["ladder.csv"]
    first = times[times["shape"] == "5×784 @ 784×10"]
    assert list(first["rung"]) == [rung.name for rung in ladder.RUNGS]
    assert "loops" not in set(times.loc[times["shape"] == "64² @ 64²", "rung"])
    assert (times[["median_ms", "rate", "limit"]] > 0).all(axis=None)
    assert (times["min_ms"] <= times["median_ms"]).all()
    assert (found["machine.csv"]["measured"] > 0).all()


def test_the_lessons_ratios_are_those_of_its_times() -> None:
    loops = ladder.PRINTED["loops"]
    ratios = [round(loops / time) for time in list(ladder.PRINTED.values())[1:]]
    assert ratios == [601, 3287, 14598, 45879]
    page = (ROOT / "docs" / "tensors" / "matmul.md").read_text(encoding="utf-8")
    assert "601, 3,287, 14,598 and 45,879" in page


# The page's picture, with as much of a browser around it as it needs.
BROWSER = """
const fields = {};
globalThis.document = {
  getElementById: (id) => (fields[id] ??= { addEventListener(_, show) { this.show = show; } }),
};
fields["product-rung"] = { value: "loops", addEventListener() {} };
document.getElementById("product-call").value = 1;
require(process.argv[1]);
const found = {};
for (const rung of ["loops", "elementwise", "broadcast", "einsum", "matmul"]) {
  fields["product-rung"].value = rung;
  found[rung] = [];
  let calls = 1;
  for (let call = 1; call <= calls; call++) {
    fields["product-call"].value = call;
    fields["product-call"].show();
    calls = Number(fields["product-call"].max);
    found[rung].push([fields["product-picture"].innerHTML, fields["product-words"].textContent]);
  }
}
console.log(JSON.stringify(found));
"""


def cells(svg: str) -> list[tuple[bool, str]]:
    """Whether each cell is lit, and what is in it: first A, then B, then C."""
    import re

    found = re.findall(r'class="(now|)"/><text[^>]*>(-?\d*)<', svg)
    return [(kind == "now", value) for kind, value in found]


def test_the_pages_picture_computes_the_product_call_by_call() -> None:
    script = ROOT / "docs" / "javascripts" / "matmul.js"
    command = [katex.program("node"), "-e", BROWSER, str(script)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    shown = json.loads(done.stdout)
    assert {rung: len(steps) for rung, steps in shown.items()} == {
        "loops": 24,
        "elementwise": 6,
        "broadcast": 3,
        "einsum": 1,
        "matmul": 1,
    }
    for rung, steps in shown.items():
        met: dict[tuple[int, int], list[int]] = {}
        for number, (svg, words) in enumerate(steps, 1):
            found = cells(svg)
            a, b, c = found[:12], found[12:20], found[20:]
            for i in range(3):
                for j in range(2):
                    lit = [k for k in range(4) if a[4 * i + k][0] and b[2 * k + j][0]]
                    assert c[2 * i + j][0] == bool(lit)
                    met.setdefault((i, j), []).extend(lit)
                    partial = sum(int(a[4 * i + k][1]) * int(b[2 * k + j][1]) for k in met[i, j])
                    assert c[2 * i + j][1] == (str(partial) if met[i, j] else ""), (rung, number)
            assert words.startswith(f"Call {number} of {len(steps)}: C[")
        assert all(sorted(terms) == [0, 1, 2, 3] for terms in met.values())


def test_the_static_picture_is_one_of_the_scripts() -> None:
    script = ROOT / "docs" / "javascripts" / "matmul.js"
    command = [katex.program("node"), "-e", BROWSER, str(script)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    page = (ROOT / "docs" / "tensors" / "matmul.md").read_text(encoding="utf-8")
    assert json.loads(done.stdout)["elementwise"][1][0] in page


def test_relative_variance_for_a_matrix_and_a_vector() -> None:
    """The mean square of 100 products of the lesson, a @ x with 512 terms: 512, give or take 4.5."""
    spread = load("tensors/matmul").predict("mean_square_variance")
    relative = spread(rows=512, terms=512, product_columns=1)
    assert 512 * math.sqrt(relative / 100) == pytest.approx(4.53, abs=0.005)


@pytest.mark.parametrize(
    "wrong", [{"pairs": 0}, {"draws": 1}, {"terms": ()}, {"terms": (2, 2)}, {"squares": (40_000,)}]
)
def test_unusable_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)  # type: ignore[arg-type]
