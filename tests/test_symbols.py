"""Symbols say what they mean: equations in words, and links from every symbol to the glossary."""

from __future__ import annotations

import re

import pytest
import sympy as sp

from derivations import load
from derivations.expectation import GaussianMean, Independent, Mean
from derivations.latex import equation
from derivations.notation import read_paper, symbols
from derivations.rows import ROWS
from derivations.solve import Root
from derivations.spoken import spoken
from docs import symbols as linked

fan_in, weight_var = symbols("he2015", "fan_in weight_var")
layer = symbols("he2015", "layer")[0]
x, y = sp.symbols("x y", positive=True)
z = sp.Symbol("z", real=True)
n = sp.Function("fan_in", positive=True)
w = sp.IndexedBase("weight")
LINKED = re.compile(r"\\href\{symbol:[a-z0-9_.]+\}\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        (fan_in * weight_var / 2, x, "One half n sub l times variance of w sub l equals x."),
        (n(layer + 1), x, "N sub l plus 1 equals x."),
        (w[3] ** 2, x, "W sub 3 squared equals x."),
        ((x + y) ** 2, x, "The square of the quantity x plus y, equals x."),
        ((x * y) ** 5, x, "X to the power 5 times y to the power 5 equals x."),
        (y - x, x**-2, "Y minus x equals 1 over x squared."),
        (1 / (2 * x), -x, "1 over the quantity 2 times x, equals minus x."),
        (sp.sqrt(x), sp.oo, "The square root of x equals infinity."),
        (sp.exp(-x), sp.pi, "E to the power the quantity minus x, equals pi."),
        (sp.Sum(x, (x, 1, y)), y, "The sum over x from 1 to y of x equals y."),
        (
            sp.Derivative(x**3, x, 2),
            6 * x,
            "The second derivative with respect to x of x cubed equals 6 times x.",
        ),
        (
            sp.Subs(x + 1, x, y),
            y,
            "X plus 1, where x is y, equals y.",
        ),
        (
            GaussianMean(sp.Max(0, z) ** 2, z, x),
            x / 2,
            "The mean, over normal z of variance x, of the square of the larger of 0 and z "
            "equals one half x.",
        ),
        (
            Mean(w[1] ** 2, Independent(w, {1: 0, 2: x})),
            x,
            "The mean of w sub 1 squared equals x.",
        ),
        (sp.Heaviside(z), x, "One where z is positive, else zero, equals x."),
        (sp.polygamma(0, x), sp.binomial(x, y), "Digamma of x equals x choose y."),
        (
            Root(2 * weight_var - 1, weight_var),
            sp.Rational(1, 2),
            "The variance of w sub l at which 2 times variance of w sub l minus 1 is zero is one half.",
        ),
    ],
)
def test_equations_in_words(left: sp.Expr, right: sp.Expr, said: str) -> None:
    assert spoken(("he2015",), left, right) == said


@pytest.mark.parametrize("row", ROWS)
def test_every_step_can_be_said_and_linked(row: str) -> None:
    derivation = load(row)
    for step in derivation.steps:
        said = spoken(derivation.papers, step.lhs, step.rhs)
        assert not re.search(r"[\\{}^_*()\[\]]", said), said
        plain = equation(derivation.papers, step.lhs, step.rhs)
        links = equation(derivation.papers, step.lhs, step.rhs, links=True)
        assert LINKED.sub(r"\1", links) == plain, "links change what is shown, or hold each other"


def test_a_link_leads_to_the_glossary_and_says_the_meaning() -> None:
    html = '<math><mi href="symbol:he2015.fan_in">n</mi><annotation>\\href{symbol:he2015.fan_in}{n}'
    html += '</annotation></math><a class="mtight" href="symbol:he2015.fan_in">n</a>'
    entry = read_paper("he2015").symbols["fan_in"]
    assert linked.resolve(html) == (
        "<math><mi>n</mi><annotation>{n}</annotation></math>"
        '<a class="symbol mtight" tabindex="-1" href="page:notation.md#he2015-fan-in" '
        f'title="{entry.say}: {entry.meaning}">n</a>'
    )


def test_a_symbol_in_the_text_becomes_a_link_but_not_in_code_or_headings() -> None:
    formula = '<span class="arithmatex">n_l</span>'
    marked = r'<span class="arithmatex">\href{symbol:he2015.fan_in}{n_l}</span>'
    other = '<span class="arithmatex">2 n_l</span>'
    untouched = f"<h2>{formula}</h2><pre>{formula}</pre><a href='#'>{formula}</a>"
    page = linked.mark(f"{formula}{other}{untouched}", "papers/he2015.md")
    assert page == f"{marked}{other}{untouched}"
    assert linked.mark(formula, "running.md") == formula
