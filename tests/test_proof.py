"""The proof engine accepts what holds, and rejects what holds on a part of the domain, or says nothing."""

from __future__ import annotations

from dataclasses import replace

import mpmath as mp
import pytest
import sympy as sp

from derivations.expectation import Dependent, GaussianMean, Independent, Mean, Symmetric, Variance
from derivations.outcomes import _gauss_hermite
from derivations.proof import (
    Derivation,
    DerivationError,
    Prediction,
    Step,
    check,
    induction,
    verify,
)
from derivations.solve import Root

x, y = sp.symbols("x y", real=True)
p, v = sp.symbols("p v", positive=True)
n = sp.Symbol("n", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True, positive=True)
w, u = sp.IndexedBase("w"), sp.IndexedBase("u")


@pytest.mark.parametrize(
    ("lhs", "rhs"),
    [
        (sp.sqrt(x**2), x),  # holds for x > 0 only
        (sp.Abs(x), x),
        (sp.log(sp.exp(sp.I * x)), sp.I * x),  # a branch cut
        (sp.Heaviside(x, 0) + sp.Heaviside(-x, 0), sp.S.One),  # fails at 0 only
        (sp.Derivative(sp.Max(0, x), x), sp.Heaviside(x, 0)),  # no derivative at 0
        (
            Mean(w[1] * u[1], Independent(w, {2: v}), Dependent(u, {2: p})),
            sp.S.Zero,
        ),  # mean unknown
        (Mean(sp.Max(0, y) ** 2, Independent(y, {1: 0, 2: v})), v / 2),  # not symmetric
        (Mean((u[1] + u[2]) ** 2, Dependent(u, {1: 0, 2: v})), 2 * v),  # not independent
    ],
)
def test_an_identity_that_needs_more_than_was_declared_is_rejected(
    lhs: sp.Expr, rhs: sp.Expr
) -> None:
    with pytest.raises(DerivationError):
        check(Step("part", lhs, rhs, why="holds on a part of the domain only"))


def test_a_step_whose_sides_are_the_same_expression_is_vacuous() -> None:
    with pytest.raises(DerivationError, match="vacuous"):
        check(Step("same", n * v, v * n, why="SymPy evaluates eagerly"))


def test_a_step_needs_a_reason() -> None:
    with pytest.raises(DerivationError, match="reason"):
        check(Step("silent", (x + 1) ** 2, x**2 + 2 * x + 1, why=" "))


def test_the_error_names_derivation_step_sides_difference_and_counterexample() -> None:
    step = Step("half", GaussianMean(sp.Max(0, x) ** 2, x, v), v / 3, why="a slip")
    with pytest.raises(DerivationError) as caught:
        check(step, row="init/slip")
    for part in ("init/slip", "'half'", "GaussianMean", "v/3", "left - right", "v = "):
        assert part in str(caught.value)


def test_what_algebra_cannot_decide_must_be_marked() -> None:
    k = sp.Symbol("k", integer=True, nonnegative=True)
    lhs = sp.Sum(1 / i**i, (i, 1, n))
    rhs = sp.Sum(1 / (k + 1) ** (k + 1), (k, 0, n - 1))
    step = Step("shifted", lhs, rhs, why="the same terms, counted from 0")
    with pytest.raises(DerivationError, match="numeric_only"):
        check(step)
    checked = check(replace(step, numeric_only="SymPy does not shift the index"))
    assert (checked.status, checked.digits) == ("numeric only", 30)


def test_a_needless_mark_is_refused() -> None:
    step = Step("plain", sp.Sum(i, (i, 1, n)), n * (n + 1) / 2, why="Gauss", numeric_only="none")
    with pytest.raises(DerivationError, match="drop the mark"):
        check(step)


def test_cases_are_reported_as_such() -> None:
    step = Step(
        "sum",
        Variance(sp.Sum(w[i], (i, 1, n)), Independent(w, {1: 0, 2: v})),
        n * v,
        why="independent",
        cases=((n, (1, 2, 3)),),
    )
    assert check(step).status == "n ≤ 3"


def test_a_sum_of_unknown_size_asks_for_cases() -> None:
    step = Step("sum", Mean(sp.Sum(w[i], (i, 1, n)), Symmetric(w, {2: v})), sp.S.Zero, why="odd")
    with pytest.raises(DerivationError, match="cases"):
        check(step)


def test_two_roots_are_not_a_solution() -> None:
    with pytest.raises(DerivationError):
        check(Step("root", Root(sp.Eq(x**2, p), x), sp.sqrt(p), why="forgets the other root"))


def test_an_unverified_derivation_does_not_predict() -> None:
    slip = Derivation(
        "init/slip", "Slip", ("he2015",), "2.2", "wrong",
        (Step("one", sp.Sum(i, (i, 1, n)), n**2, why="a slip"),),
        (Prediction("total", "one", "wrong"),),
    )  # fmt: skip
    globals()["DERIVATION"] = slip  # so that its source is found
    try:
        with pytest.raises(DerivationError, match="not verified"):
            slip.predict("total")
    finally:
        del globals()["DERIVATION"]


def test_induction_gives_a_base_case_and_a_step() -> None:
    f = sp.Function("f", positive=True)
    size = sp.Symbol("L", integer=True, positive=True)
    base, step = induction(
        "powers", recurrence=sp.Eq(f(i), 2 * f(i - 1)), closed=2**size * f(0), index=size, start=0,
        why="one more factor", ref="he2015:9",
    )  # fmt: skip
    assert (base.label, base.lhs, base.rhs, base.ref) == (
        "powers/base",
        2**0 * f(0),
        f(0),
        "he2015:9",
    )
    assert base.why == "base case: at L = 0 no layer has acted yet"
    assert (step.label, step.rhs, step.why) == ("powers", 2**size * f(0), "one more factor")
    assert sp.simplify(step.lhs - 2 * 2 ** (size - 1) * f(0)) == 0
    assert step.ref == "he2015:9"
    ours = induction(
        "p", recurrence=sp.Eq(f(i), f(i - 1)), closed=f(1), index=size, start=1, why="x"
    )
    assert {each.ref for each in ours} == {"ours"}


def test_an_inductive_step_is_claimed_from_after_its_base_case() -> None:
    f = sp.Function("f", positive=True)
    _, step = induction(
        "telescope",
        recurrence=sp.Eq(f(i), f(i - 1) + 1 / (i * (i - 1))),  # not for f(1)
        closed=f(1) + 1 - 1 / n,
        index=n,
        start=1,
        why="all but two terms cancel",
    )
    assert step.least == ((n, 2),)
    assert check(step).status == "proved"
    with pytest.raises(DerivationError, match="only one side has a value"):
        check(replace(step, least=()))


@pytest.mark.parametrize(
    ("closed", "start"), [(3**n * sp.Symbol("c", positive=True), 0), (2 ** (n + 1), 0)]
)
def test_induction_on_a_wrong_closed_form_fails(closed: sp.Expr, start: int) -> None:
    f = sp.Function("f", positive=True)
    steps = induction(
        "wrong", recurrence=sp.Eq(f(i), 2 * f(i - 1)), closed=closed, index=n, start=start, why="x"
    )
    errors = 0
    for step in steps:
        try:
            check(step)
        except DerivationError:
            errors += 1
    assert errors


def test_a_derivation_refuses_repeated_labels_and_predictions_of_nothing() -> None:
    one = Step("one", sp.Sum(i, (i, 1, n)), n * (n + 1) / 2, why="Gauss")
    two = replace(one, label="two")
    wanted = tuple(Prediction(f"p{label}", label, "") for label in ("one", "three", "four"))
    with pytest.raises(DerivationError, match=r"^init/slip: repeated labels one, two$"):
        Derivation("init/slip", "Slip", (), "", "", (one, two, two, one))
    with pytest.raises(DerivationError, match=r"^init/slip: predictions of no step: three, four$"):
        Derivation("init/slip", "Slip", (), "", "", (one,), wanted)


@pytest.mark.parametrize(("side", "value"), [("+", 1), ("-", -1)])
def test_a_limit_is_taken_from_its_side(side: str, value: int) -> None:
    limit = sp.Limit(sp.Abs(x) / x + p * x, x, 0, side)
    assert check(Step("sign", limit, sp.Integer(value), why="the sign of x")).status == "proved"
    with pytest.raises(DerivationError, match="the sides differ"):
        check(Step("sign", limit, -sp.Integer(value), why="the other side's"))


def test_a_limit_at_a_point_that_is_drawn() -> None:
    step = Step(
        "slope", sp.Limit((x**2 - p**2) / (x - p), x, p), 2 * p, why="the slope of a square"
    )
    assert (check(step).status, check(step).digits) == ("proved", 10)


def test_five_points_have_the_moments_of_a_normal_law() -> None:
    with mp.workdps(45):
        for power in range(10):
            moment = mp.fsum(weight * z**power for weight, z in _gauss_hermite())
            assert abs(moment - (mp.fac2(power - 1) if power % 2 == 0 else 0)) < mp.mpf("1e-40")


def test_what_is_bound_is_not_substituted() -> None:
    mean = GaussianMean(x**2 + y, x, p)
    assert mean.subs(x, 3) == mean
    assert mean.subs({y: 1, p: v}) == GaussianMean(x**2 + 1, x, v)
    root = Root(sp.Eq(x * p, 1), x)
    assert root.subs(x, 3) == root
    assert root.subs(p, v) == Root(sp.Eq(x * v, 1), x)


def test_a_layer_is_the_same_however_its_number_came_about() -> None:
    f = sp.Function("f", positive=True)
    ratio = sp.Product(f(i - 1) / f(i), (i, 1, 1))
    assert check(Step("one", ratio, f(0) / f(1), why="one factor")).status == "proved"


def test_what_is_said_of_a_step_that_fails_and_of_one_that_holds() -> None:
    good = Step("good", sp.Sum(i, (i, 1, n)), n * (n + 1) / 2, why="Gauss")
    bad = replace(good, label="bad", rhs=n)
    derivation = Derivation("init/slip", "Slip", (), "", "", (good, bad))
    held, failed = verify(derivation, points=7)
    assert (held.status, held.detail, held.points, held.digits) == ("proved", "", 7, 30)
    assert (held.step, held.error) == (good, None)
    assert (failed.step, failed.status, failed.detail) == (bad, "failed", "")
    assert (failed.points, failed.digits) == (0, 0)
    assert 0 <= failed.seconds < 60
    assert (failed.error or "").splitlines()[
        0
    ] == "init/slip step 'bad': the sides differ at n = 5.0"
    lines = (failed.error or "").splitlines()[1:]
    assert lines == [
        "  left  Sum(i, (i, 1, n))", "        = 15.0", "  right n", "        = 5.0",
        "  left - right = 10.0",
    ]  # fmt: skip
    assert next(verify(derivation)).points == 5
    sized = replace(good, cases=((n, (1, 2)),), label="sized")
    assert (check(sized).detail, check(sized).points) == ("n = 1, 2", 10)
    later = replace(good, least=((n, 3),), label="later")
    assert (check(later).detail, check(later).status) == ("n ≥ 3", "proved")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"why": ""}, "a step needs a reason (why=...)"),
        ({"lhs": n, "rhs": n}, "vacuous, both sides are n; keep the left side unevaluated"),
        ({"rhs": n + sp.Float("0.5")}, "0.500000000000000 is rounded; write a Rational, or what it stands for"),
        ({"rhs": sp.true}, "both sides must be numbers or matrices, got (Sum(i, (i, 1, n)), True)"),
        ({"cases": ((n, (2,)),)}, "n needs two sizes or more that it can have, got (2,)"),
        ({"numeric_only": "x"}, "marked numeric_only, but algebra decides it; drop the mark"),
        ({"rhs": sp.DiracDelta(x)}, "cannot be evaluated numerically: NameError"),
    ],
)  # fmt: skip
def test_each_refusal_names_the_step_and_what_to_do(change: dict[str, object], said: str) -> None:
    good = Step("good", sp.Sum(i, (i, 1, n)), n * (n + 1) / 2, why="Gauss")
    with pytest.raises(DerivationError) as caught:
        check(replace(good, **change), row="init/slip")  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"init/slip step 'good': {said}")


def test_what_algebra_leaves_is_said_in_full() -> None:
    k = sp.Symbol("k", integer=True, nonnegative=True)
    lhs, rhs = sp.Sum(1 / i**i, (i, 1, n)), sp.Sum(1 / (k + 1) ** (k + 1), (k, 0, n - 1))
    with pytest.raises(DerivationError) as caught:
        check(Step("shifted", lhs, rhs, why="counted from 0"))
    assert str(caught.value).startswith("step 'shifted': algebra leaves lhs - rhs = ")
    assert str(caught.value).endswith(
        ", expected 0 (numbers agree at 5 points). Split the step, or say in numeric_only= why "
        f"algebra cannot decide it.\n  left  {lhs}\n  right {rhs}"
    )
