"""LaTeX as in the papers: their symbols, in the order of their tables, Var[.], E[.], layers as subscripts."""

from __future__ import annotations

import re
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter

from derivations.expectation import GaussianMean, Mean, Variance
from derivations.notation import Entry, read_paper
from derivations.solve import Root

# A layer's index in a symbol's LaTeX: n_l, n_{i+1}, W^i, \\Delta x_{l+1}.
LAYER = re.compile(r"([_^])\{?[li]([+-]1)?(?![a-zA-Z])\}?")


class PaperPrinter(LatexPrinter):
    r"""Prints with the symbol tables of ``papers``; the first paper that has a symbol wins.

    With ``links``, each symbol is ``\href{symbol:paper.name}{…}``: the site makes it a link to its meaning.
    """

    def __init__(self, papers: tuple[str, ...], *, links: bool = False) -> None:
        super().__init__({"fold_short_frac": False})
        self.entries: dict[str, Entry] = {}
        self.homes: dict[str, str] = {}
        for key in reversed(papers):
            self.entries.update(read_paper(key).symbols)
            self.homes.update(dict.fromkeys(read_paper(key).symbols, key))
        self.place = {name: i for i, name in enumerate(self.entries)}
        self.links = links

    def _linked(self, name: str, shown: str) -> str:
        if not self.links or name not in self.homes:
            return shown
        return rf"\href{{symbol:{self.homes[name]}.{name}}}{{{shown}}}"

    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:
        entry = self.entries.get(expr.name)
        if entry is None:
            return super()._print_Symbol(expr, style)
        return self._linked(expr.name, entry.latex)

    def _print_AppliedUndef(self, expr: AppliedUndef, exp: str | None = None) -> str:
        """A value of one layer: fan_in(L) is n_L; the table's subscript l gives way."""
        name = str(expr.func)
        entry = self.entries.get(name)
        index = expr.args[0]
        layer = self._plainly(index)
        if entry and LAYER.search(entry.latex):
            # s^{i+1} at layer i = 0 is s^{1}; the index is printed as one sum
            shown = LAYER.sub(
                lambda m: f"{m[1]}{{{self._plainly(index + int(m[2] or 0))}}}", entry.latex
            )
        else:
            shown = f"{entry.latex if entry else name}_{{{layer}}}"
        shown = self._linked(name, shown)
        return shown if exp is None else rf"\left({shown}\right)^{{{exp}}}"

    def _plainly(self, index: sp.Expr) -> str:
        """An index without links of its own: no link may hold another."""
        links, self.links = self.links, False
        try:
            return str(self._print(index))
        finally:
            self.links = links

    def _rank(self, factor: sp.Expr) -> tuple[int, int, Any]:
        names = {s.name for s in factor.free_symbols if isinstance(s, sp.Symbol)}
        names |= {str(f.func) for f in factor.atoms(AppliedUndef)}
        ranks = [self.place[name] for name in names if name in self.place]
        kind = 1 if factor.has(sp.Sum, sp.Product, Mean, GaussianMean) else 0
        return kind, min(ranks, default=-1), sp.default_sort_key(factor)

    def _print_Mul(self, expr: sp.Mul) -> str:
        """A rational coefficient in front, then the factors in the order of the symbol table."""
        numerator, denominator = sp.fraction(expr)
        if denominator.is_Integer and denominator != 1:
            coefficient, rest = numerator.as_coeff_Mul()
            sign, size = ("-" if coefficient < 0 else ""), abs(coefficient)
            return rf"{sign}\tfrac{{{size}}}{{{denominator}}}\, {self._factors(rest)}"
        if denominator != 1:
            top, bottom = self._factors(numerator), self._factors(denominator)
            return rf"\frac{{{top}}}{{{bottom}}}"
        return self._factors(expr)

    def _print_Add(self, expr: sp.Add, order: str | None = None) -> str:
        """A common rational coefficient in front: (1 + a^2) / 2 is not a^2/2 + 1/2."""
        coefficient, rest = expr.as_content_primitive()
        if coefficient == 1:
            # 1 + a^2, but l - 1
            return super()._print_Add(expr, order="rev-lex" if expr.has(sp.Pow) else None)
        return rf"{self._print_Rational(coefficient)}\, {self._factor(rest)}"

    def _print_Derivative(self, expr: sp.Derivative) -> str:
        """A product in brackets, as more factors may follow."""
        whole, inner = super()._print_Derivative(expr), self._print(expr.expr)
        if expr.expr.is_Mul and whole.endswith(inner):
            return rf"{whole.removesuffix(inner)}\left({inner}\right)"
        return str(whole)

    def _print_Rational(self, expr: sp.Rational) -> str:
        if expr.q == 1:
            return str(expr.p)
        return rf"{'-' if expr.p < 0 else ''}\tfrac{{{abs(expr.p)}}}{{{expr.q}}}"

    def _factors(self, expr: sp.Expr) -> str:
        coefficient, rest = expr.as_coeff_Mul()
        factors = sorted(sp.Mul.make_args(rest), key=self._rank)
        shown = [self._factor(f) for f in factors if f != 1]
        sign = "-" if coefficient < 0 else ""
        number = "" if abs(coefficient) == 1 and shown else self._print(abs(coefficient))
        return sign + r"\, ".join(([number] if number else []) + shown)

    def _factor(self, expr: sp.Expr) -> str:
        shown = self._print(expr)
        return rf"\left({shown}\right)" if isinstance(expr, sp.Add) else shown

    def _print_Mean(self, expr: Mean, exp: str | None = None) -> str:
        return self._power(rf"\mathbb{{E}}\left[{self._print(expr.expression)}\right]", exp)

    def _print_Variance(self, expr: Variance, exp: str | None = None) -> str:
        inside = self._print(expr.expression)
        return self._power(rf"\operatorname{{Var}}\left[{inside}\right]", exp)

    def _print_GaussianMean(self, expr: GaussianMean, exp: str | None = None) -> str:
        body, z, variance = (self._print(a) for a in expr.args)
        law = rf"{z}\sim\mathcal{{N}}(0,\,{variance})"
        return self._power(rf"\mathbb{{E}}_{{{law}}}\left[{body}\right]", exp)

    def _print_Root(self, expr: Root) -> str:
        unknown = self._print(expr.unknown)
        domain = " > 0" if expr.unknown.is_positive else ""
        return rf"\left\{{{unknown}{domain} : {self._print(expr.equation)} = 0\right\}}"

    def _power(self, shown: str, exp: str | None) -> str:
        return shown if exp is None else f"{shown}^{{{exp}}}"

    def _print_Heaviside(self, expr: sp.Heaviside, exp: str | None = None) -> str:
        return self._power(rf"\mathbf{{1}}\{{{self._print(expr.args[0])} > 0\}}", exp)

    def _print_Indexed(self, expr: sp.Indexed) -> str:
        entry = self.entries.get(str(expr.base))
        name = re.split("[_^]", entry.latex)[0] if entry else self._print(expr.base)
        shown = f"{name}_{{{', '.join(self._plainly(i) for i in expr.indices)}}}"
        return self._linked(str(expr.base), shown)


def equation(papers: tuple[str, ...], lhs: sp.Basic, rhs: sp.Basic, *, links: bool = False) -> str:
    """The LaTeX of one step; a solved equation reads ``equation ⟹ unknown = value``."""
    printer = PaperPrinter(papers, links=links)
    if isinstance(lhs, Root):
        left, number = _moved(lhs.equation)
        condition = f"{printer.doprint(left)} = {printer.doprint(number)}"
        return rf"{condition} \;\Longrightarrow\; {printer.doprint(lhs.unknown)} = {printer.doprint(rhs)}"
    return f"{printer.doprint(lhs)} = {printer.doprint(rhs)}"


def _moved(expression: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Write ``e = 0`` as ``e + c = c``, with the negative terms moved to the right side."""
    terms = sp.Add.make_args(expression)
    right = [-t for t in terms if t.could_extract_minus_sign()]
    return expression + sp.Add(*right), sp.Add(*right)
