"""The Explorer's formulas, printed by SymPy as JavaScript: every one is a side of a verified step, or made of such."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import sympy as sp

from derivations import load
from derivations.record import record


@dataclass(frozen=True)
class Formula:
    """What JavaScript calls it, the expression, the steps that it is made of, and what it says."""

    name: str
    expression: sp.Expr
    source: tuple[tuple[str, str], ...]
    says: str

    @property
    def arguments(self) -> list[str]:
        """The names of what it takes, sorted."""
        return sorted(str(symbol) for symbol in self.expression.free_symbols)

    @property
    def script(self) -> str:
        """``name: ({a, b}) => …`` for the body of an object in JavaScript."""
        constants, unsupported, code = sp.jscode(self.expression, human=False)
        if unsupported:
            raise ValueError(f"{self.name}: JavaScript has no {unsupported}")
        for symbol, value in constants:
            code = code.replace(str(symbol), value)
        places = "; ".join(f"{row}, step {step}" for row, step in self.source)
        return f"  // {places}\n  {self.name}: ({{{', '.join(self.arguments)}}}) => {code},"


def symbol(expression: sp.Basic, name: str) -> sp.Symbol:
    """The symbol of an expression that is called ``name``; raises KeyError if it has none."""
    for found in expression.free_symbols:
        if str(found) == name:
            return found
    raise KeyError(f"{expression} has no symbol {name!r}")


def replaced(expression: sp.Basic, values: Mapping[str, sp.Basic]) -> sp.Expr:
    """The expression with other expressions for some of its symbols, all at once."""
    return expression.subs(
        {symbol(expression, name): value for name, value in values.items()}, simultaneous=True
    )


def side(row: str, step: str) -> sp.Expr:
    """The right side of a step. Raises DerivationError unless the whole row is verified."""
    derivation = load(row)
    found = record(derivation)
    if not found["verified"]:
        derivation.predict(derivation.predictions[0].name)  # raises, and says which step
    return derivation.step(step).rhs


def _plain() -> list[Formula]:
    """Those that are one step's right side as it stands: name, row, step, what it says."""
    steps = (
        ("kaimingVariance", "init/kaiming", "leaky", "Kaiming's variance of a weight"),
        ("kaimingBound", "init/kaiming", "uniform_bound", "where Kaiming's uniform law ends"),
        ("xavierVariance", "init/xavier", "compromise", "Xavier's variance of a weight"),
        ("xavierBound", "init/xavier", "uniform_bound", "where Xavier's uniform law ends"),
        ("defaultVariance", "init/conv_default", "variance", "PyTorch's default variance"),
        ("defaultBound", "init/conv_default", "bound", "where PyTorch's default law ends"),
        ("uniformVariance", "init/kaiming", "uniform", "variance of a uniform law"),
        ("forwardRatio", "init/kaiming", "leaky_layer", "mean of a layer's ratio, forwards"),
        ("backwardRatio", "init/kaiming", "backward_ratio", "mean of a layer's ratio, backwards"),
        ("ratioTransform", "depth/exact_law", "ratio_transform", "transform of a layer's ratio"),
        ("aliveTransform", "depth/exact_law", "alive_transform", "the same, if a ReLU is alive"),
        ("logVariance", "depth/exact_law", "log_variance", "variance of a logarithm"),
        ("death", "depth/dying", "death", "share of dead networks"),
    )
    return [Formula(name, side(row, step), ((row, step),), says) for name, row, step, says in steps]


def _residual() -> list[Formula]:
    """A block's mean, drift and variance, for weights of any variance in both of its layers."""
    law = "depth/exact_law"
    branch = side("init/kaiming", "leaky_layer") * side("init/kaiming", "dot_product")
    branch = replaced(branch, {"second_moment": sp.S.One})  # mean square of the branch over x's
    mean, square = side(law, "residual_mean"), side(law, "leaky_residual_square")
    drift = side(law, "small_drift")
    scale = symbol(mean, "branch_scale")
    mean, square = (each.subs(scale, scale * sp.sqrt(branch)) for each in (mean, square))
    spread = square / mean**2 - 1
    steps = (("init/kaiming", "leaky_layer"), ("init/kaiming", "dot_product"))
    source = (*steps, (law, "residual_mean"))
    second = (*source, (law, "leaky_residual_square"))
    drift = replaced(drift, {"spread": spread})
    return [
        Formula("blockRatio", mean, source, "mean of a residual block's ratio"),
        Formula("blockSpread", spread, second, "its relative variance"),
        Formula("blockDrift", drift, (*second, (law, "small_drift")), "mean of its logarithm"),
    ]


def _shifted() -> list[Formula]:
    """What a layer with a shifted ReLU makes of a mean square, and of a deviation of its logarithm."""
    row = "init/shifted_relu"
    gradient = load(row).step("gradient").lhs  # Subs(…, weight_var, gain² / fan_in)
    (variance,) = gradient.point
    gain = symbol(variance, "gain")
    weight_var, fan_in = (symbol(gradient.expr, "weight_var"), symbol(variance, "fan_in"))
    (root,) = sp.solve(sp.Eq(variance, weight_var), gain)
    image, spread = (
        replaced(side(row, step), {"gain": root}) for step in ("second_moment", "spread")
    )
    moment = symbol(image, "second_moment")
    units = symbol(spread, "units")
    spread = spread.subs(fan_in, units)
    image = image.subs(fan_in, units)
    slope = sp.diff(image, moment) * moment / image
    return [
        Formula(
            "gainVariance", variance, ((row, "gradient"),), "variance of a weight, by its gain"
        ),
        Formula("shiftedMap", image, ((row, "second_moment"),), "mean square after a shifted ReLU"),
        Formula("shiftedSlope", slope, ((row, "second_moment"),), "what it leaves of a deviation"),
        Formula("shiftedSpread", spread / image**2, ((row, "spread"),), "what it adds to that"),
    ]


@cache
def formulas() -> tuple[Formula, ...]:
    """All of them. Raises DerivationError if a row that they come from is not verified."""
    return (*_plain(), *_residual(), *_shifted())


def edge() -> str:
    """What a standard normal number is below with probability 19/20, to the last digit of a double."""
    return str(sp.N(sp.sqrt(2) * sp.erfinv(2 * sp.Rational(19, 20) - 1), 17))


def script() -> str:
    """The JavaScript file."""
    lines = "\n".join(each.script for each in formulas())
    return (
        "// Printed by SymPy from the verified derivations (docs/formulas.py). Not to be edited.\n"
        "(globalThis.companionExplorer ??= {}).formulas = {\n"
        f"{lines}\n  // a normal number is below with probability 19/20\n  edge: {edge()},\n}};\n"
    )
