"""tensors/broadcasting: the experiment agrees with theory, for other numbers, too."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from dataclasses import replace

import pytest
import torch

from derivations import load
from derivations.rows import ROOT
from docs import katex
from experiments.settings import Unusable
from experiments.statistics import judge
from experiments.tensors.broadcasting import Settings, compare, measure
from impl.tensors.broadcasting import broadcast_shapes, broadcast_to

FEW = Settings(shapes=50, draws=1000, batch=20)


def quiet(items, **_):  # type: ignore[no-untyped-def]
    return items


@pytest.mark.parametrize(
    "settings",
    [
        FEW,
        replace(FEW, slope=-1.0, noise=0.0),
        replace(FEW, slope=1.0, noise=0.0, output_mean=-1.0),  # a perfect network
        replace(FEW, batch=2),
    ],
    ids=["usual", "contrary", "perfect", "two"],
)
def test_theory_and_measurement_agree(settings: Settings) -> None:
    assert judge(compare(measure(settings, quiet), settings))["agrees"].all()


def test_torchs_own_loss_over_all_pairs_is_the_predicted_one() -> None:
    predict = load("tensors/broadcasting").predict("batch_trap_loss")
    for batch in (1, 2, 37):
        output, target = 3 * torch.randn(2, batch, dtype=torch.float64) + 1
        with pytest.warns(UserWarning, match="will likely lead to incorrect results"):
            trap = torch.nn.functional.mse_loss(output[:, None], target)
        moments = {"output_mean": output.mean(), "output_var": output.var(correction=0)}
        moments |= {"target_mean": target.mean(), "target_var": target.var(correction=0)}
        predicted = predict(**{name: float(value) for name, value in moments.items()})
        assert float(trap) == pytest.approx(predicted, rel=1e-13)


# The page's table, with as much of a browser around it as it needs.
BROWSER = """
const fields = {};
globalThis.document = {
  getElementById: (id) => (fields[id] ??= { addEventListener(_, show) { this.show = show; } }),
};
for (const id of ["shape-a", "shape-b"]) document.getElementById(id).value = "";
require(process.argv[1]);
const typed = JSON.parse(require("fs").readFileSync(0, "utf-8"));
console.log(JSON.stringify(typed.map(([a, b]) => {
  [fields["shape-a"].value, fields["shape-b"].value] = [a, b];
  fields["shape-a"].show();
  return fields["stretching-result"].innerHTML;
})));
"""


def on_the_page(typed: list[tuple[str, str]]) -> list[str]:
    """What the page shows for shapes that a reader types."""
    script = ROOT / "docs" / "javascripts" / "broadcasting.js"
    command = [katex.program("node"), "-e", BROWSER, str(script)]
    done = subprocess.run(
        command, input=json.dumps(typed), capture_output=True, encoding="utf-8", check=True
    )
    return list(json.loads(done.stdout))


def cells(html: str, head: str) -> tuple[int, ...]:
    """The numbers of the row that begins with ``head``."""
    (line,) = re.findall(rf'<tr><th scope="row">{head}</th>(.*?)</tr>', html)
    return tuple(map(int, re.findall(r"<td>(\d+)</td>", line)))


def test_the_pages_table_follows_the_code() -> None:
    shapes = [(), *((n,) for n in (0, 1, 3)), *itertools.product((0, 1, 2, 3), repeat=2)]
    shapes += [(2, 1, 3), (4, 1, 1, 2), (4, 3, 1, 2)]
    pairs = list(itertools.product(shapes, repeat=2))
    shown = on_the_page([(str(a), ", ".join(map(str, b))) for a, b in pairs])
    for (a, b), html in zip(pairs, shown, strict=True):
        try:
            whole = broadcast_shapes(a, b)
        except ValueError:
            assert "They do not broadcast: " in html and "✗" in html
            continue
        assert cells(html, "result") == whole
        for shape, name in ((a, "first"), (b, "second")):
            tensor = torch.zeros(shape)
            view = broadcast_to(tensor, whole)
            assert cells(html, f"stride of {name}") == view.stride(), (a, b)
            assert f"the {name} stores {tensor.numel()} and shows {view.numel()}" in html


def test_the_pages_table_numbers_entries_by_their_place_in_memory() -> None:
    (html,) = on_the_page([("2 1", "3")])
    found = re.findall(r"<td( class=\"stretched\")?>(\w)<sub>(\d)</sub></td>", html)
    places = ["a0", "a0", "a0", "a1", "a1", "a1", "b0", "b1", "b2", "b0", "b1", "b2"]
    assert [name + place for _, name, place in found] == places
    pale = [[0, 1, 1], [0, 1, 1], [0, 0, 0], [1, 1, 1]]
    assert [int(bool(copy)) for copy, _, _ in found] == list(itertools.chain(*pale))


@pytest.mark.parametrize("typed", ["-1", "4.5", "x", "<b>", "1000", "1 1 1 1 1"])
def test_the_pages_table_refuses_what_is_no_shape(typed: str) -> None:
    assert (
        on_the_page([(typed, "3"), ("3", typed)])
        == ["<p>Write a shape as 4, 1: at most four whole numbers, each from 0 to 999.</p>"] * 2
    )


@pytest.mark.parametrize(
    "wrong", [{"batch": 1}, {"draws": 1}, {"noise": -1.0}, {"slope": float("nan")}]
)
def test_unusable_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Unusable):
        replace(FEW, **wrong)
