"""An equation in words: generated from its expression tree, and from what the papers' tables say aloud."""

from __future__ import annotations

import re

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.printer import Printer

from derivations.expectation import GaussianMean, Mean, Variance
from derivations.notation import Entry, read_paper
from derivations.solve import Root

LAYER = re.compile(r"\bsub [li](?: (?:plus|minus) 1)?\b")
FRACTIONS = {sp.Rational(1, 2): "one half", sp.Rational(1, 3): "one third"}
FRACTIONS |= {sp.Rational(1, 4): "one quarter", sp.Rational(3, 2): "three halves"}
NAMES = {"erf": "the error function", "gamma": "gamma", "log": "the logarithm", "cos": "the cosine"}
NAMES |= {"sin": "the sine", "acos": "the arc cosine", "Abs": "the absolute value", "exp": "exp"}
NAMES |= {"sign": "the sign", "trace": "the trace", "Trace": "the trace"}
TWO_WORDS = {"Max": "the larger of {} and {}", "Min": "the smaller of {} and {}"}
TWO_WORDS |= {"binomial": "{} choose {}", "Mod": "{} modulo {}"}
TWO_WORDS |= {"KroneckerDelta": "one if {} is {}, else zero,"}
POLYGAMMA = ("digamma", "trigamma")


class Speaker(Printer):
    """Says expressions with the symbol tables of ``papers``; the first paper that has a symbol wins."""

    printmethod = "_spoken"
    emptyPrinter = str

    def __init__(self, papers: tuple[str, ...]) -> None:
        super().__init__()
        self.entries: dict[str, Entry] = {}
        for key in reversed(papers):
            self.entries.update(read_paper(key).symbols)

    def whole(self, expr: sp.Basic, kinds: tuple[type, ...] = (sp.Add,)) -> str:
        """An expression as one thing: a sum (or what ``kinds`` names) is called "the quantity …"."""
        said = str(self._print(expr))
        return f"the quantity {said}," if isinstance(expr, kinds) else said

    def below(self, expr: sp.Basic) -> str:
        """As one thing, where a product must be kept together, too: denominators and exponents."""
        return self.whole(expr, (sp.Add, sp.Mul))

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        entry = self.entries.get(expr.name)
        return entry.say if entry else expr.name.replace("_", " ")

    def _print_AppliedUndef(self, expr: AppliedUndef) -> str:
        name, index = str(expr.func), self._print(expr.args[0])
        said = self.entries[name].say if name in self.entries else name.replace("_", " ")
        return LAYER.sub(f"sub {index}", said) if LAYER.search(said) else f"{said} sub {index}"

    def _print_Indexed(self, expr: sp.Indexed) -> str:
        entry = self.entries.get(str(expr.base))
        said = LAYER.split(entry.say)[0].strip() if entry else str(expr.base)
        return f"{said} sub {' '.join(str(self._print(i)) for i in expr.indices)}"

    def _print_Rational(self, expr: sp.Rational) -> str:
        if expr < 0:
            return f"minus {self._print(-expr)}"
        return FRACTIONS.get(expr, f"{expr.p} over {expr.q}" if expr.q != 1 else str(expr.p))

    def _print_Pi(self, _: sp.Basic) -> str:
        return "pi"

    def _print_Infinity(self, _: sp.Basic) -> str:
        return "infinity"

    def _print_NegativeInfinity(self, _: sp.Basic) -> str:
        return "minus infinity"

    def _print_Add(self, expr: sp.Add) -> str:
        terms = expr.as_ordered_terms()
        first, *rest = sorted(terms, key=lambda term: bool(term.could_extract_minus_sign()))
        said = [str(self._print(first))]
        for term in rest:
            negative = term.could_extract_minus_sign()
            said += ["minus" if negative else "plus", str(self._print(-term if negative else term))]
        return " ".join(said)

    def _print_Mul(self, expr: sp.Mul) -> str:
        if expr.could_extract_minus_sign():
            return f"minus {self.whole(-expr)}"
        top, bottom = sp.fraction(expr, exact=True)
        if bottom == 1:
            return " times ".join(self.whole(f) for f in expr.as_ordered_factors())
        coefficient, rest = top.as_coeff_Mul()
        if rest != 1 and bottom.is_Integer:
            return f"{self._print(coefficient / bottom)} {self.whole(rest)}"
        return f"{self.whole(top)} over {self.below(bottom)}"

    def _print_Pow(self, expr: sp.Pow) -> str:
        base, power = expr.args
        if power == sp.S.Half:
            return f"the square root of {self.whole(base)}"
        if power.could_extract_minus_sign():
            return f"1 over {self.below(base**-power)}"
        plain = isinstance(base, (sp.Symbol, sp.Indexed, AppliedUndef, sp.Number))
        if power in (2, 3) and plain:
            return f"{self._print(base)} {'squared' if power == 2 else 'cubed'}"
        if power in (2, 3):
            return f"the {'square' if power == 2 else 'cube'} of {self.whole(base)}"
        kinds = () if plain else (sp.Basic,)
        return f"{self.whole(base, kinds)} to the power {self.below(power)}"

    def _over(self, what: str, expr: sp.Basic) -> str:
        body, *ranges = expr.args
        told = []
        for variable, *ends in ranges:
            said = f"over {self._print(variable)}"
            if len(ends) == 2:
                said += f" from {self._print(ends[0])} to {self._print(ends[1])}"
            told.append(said)
        return f"the {what} {' and '.join(told)} of {self.whole(body)}"

    def _print_Sum(self, expr: sp.Sum) -> str:
        return self._over("sum", expr)

    def _print_Product(self, expr: sp.Product) -> str:
        return self._over("product", expr)

    def _print_Integral(self, expr: sp.Integral) -> str:
        return self._over("integral", expr)

    def _print_Derivative(self, expr: sp.Derivative) -> str:
        times = {1: "", 2: "second ", 3: "third "}
        told = [
            f"the {times.get(n, f'{self._print(n)}-fold ')}derivative with respect to {self._print(v)}"
            for v, n in expr.variable_count
        ]
        return f"{' of '.join(told)} of {self.whole(expr.expr)}"

    def _print_Limit(self, expr: sp.Limit) -> str:
        body, variable, end, _ = expr.args
        return (
            f"the limit of {self.whole(body)} as {self._print(variable)} goes to {self._print(end)}"
        )

    def _print_Subs(self, expr: sp.Subs) -> str:
        put = [
            f"{self._print(v)} is {self._print(p)}"
            for v, p in zip(expr.variables, expr.point, strict=True)
        ]
        return f"{self._print(expr.expr)}, where {' and '.join(put)},"

    def _print_Mean(self, expr: Mean) -> str:
        return f"the mean of {self.whole(expr.expression)}"

    def _print_Variance(self, expr: Variance) -> str:
        return f"the variance of {self.whole(expr.expression)}"

    def _print_GaussianMean(self, expr: GaussianMean) -> str:
        body, z, variance = expr.args
        law = f"over normal {self._print(z)} of variance {self.whole(variance)}"
        return f"the mean, {law}, of {self.whole(body)}"

    def _print_Heaviside(self, expr: sp.Heaviside) -> str:
        return f"one where {self._print(expr.args[0])} is positive, else zero,"

    def _print_polygamma(self, expr: sp.Basic) -> str:
        order, value = expr.args
        if order in (0, 1):
            return f"{POLYGAMMA[int(order)]} of {self.whole(value)}"
        return f"polygamma {self._print(order)} of {self.whole(value)}"

    def _print_exp(self, expr: sp.exp) -> str:
        return f"e to the power {self.below(expr.args[0])}"

    def _print_Function(self, expr: sp.Function) -> str:
        name, arguments = type(expr).__name__, [self.whole(a) for a in expr.args]
        if name in TWO_WORDS and len(arguments) == 2:
            return TWO_WORDS[name].format(*arguments)
        return f"{NAMES.get(name, name.replace('_', ' '))} of {', '.join(arguments)}"

    _print_Max = _print_Min = _print_Function

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:
        told = [
            f"{self._print(value)} {'otherwise' if condition == True else f'if {condition}'}"  # noqa: E712
            for value, condition in expr.args
        ]
        return ", ".join(told)

    def _print_MatrixBase(self, expr: sp.MatrixBase) -> str:
        entries = ", ".join(str(self._print(e)) for e in expr)
        return f"the {expr.rows} by {expr.cols} matrix of {entries}"

    _print_ImmutableDenseMatrix = _print_MutableDenseMatrix = _print_MatrixBase


def spoken(papers: tuple[str, ...], lhs: sp.Basic, rhs: sp.Basic) -> str:
    """One step in words; a solved equation says what it is solved for."""
    speaker = Speaker(papers)
    if isinstance(lhs, Root):
        solved = (
            f"the {speaker.doprint(lhs.unknown)} at which {speaker.doprint(lhs.equation)} is zero"
        )
        said = f"{solved} is {speaker.doprint(rhs)}"
    else:
        said = f"{speaker.doprint(lhs)} equals {speaker.doprint(rhs)}"
    said = re.sub(r",(?= ,|,|$)", "", re.sub(r"\s+", " ", said)).replace(" ,", ",").strip(" ,")
    return said[0].upper() + said[1:] + "."
