"""No implementation calls a torch function that it does not declare, or that is not earned yet."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path
from types import ModuleType
from typing import Any

import pytest
import torch

import impl
from impl.rules import (
    COMPILERS,
    EARNED,
    FORM,
    FREE,
    ON_LOAN,
    RuleBroken,
    may_use,
    only,
    public_name,
    uses,
)

ROOT, TESTS = Path(impl.__file__).parent, Path(__file__).parent
MODULES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix() for path in ROOT.glob("*/[!_]*.py")
)
X, W, CONV = torch.ones(4, 3), torch.ones(3, 1), torch.ones(2, 3, 5, 5)


def examples(name: str) -> dict[str, Callable[[], object]]:
    """EXAMPLES in the test of a module: calls of its functions and classes, by their names.

    Between them they must reach every torch function that the module declares. They run inside
    ``only``, so their tensors are made beforehand.
    """
    chapter, stem = name.split("/")
    paths = [TESTS / chapter / f"test_{prefix}{stem}.py" for prefix in ("impl_", "")]
    path = next((path for path in paths if path.exists()), None)
    assert path, f"impl/{name}.py has no test: write {paths[1].relative_to(TESTS.parent)}"
    return dict(run_path(str(path)).get("EXAMPLES", {}))


def load(name: str) -> ModuleType:
    return import_module("impl." + name.replace("/", "."))


def public(module: ModuleType) -> list[str]:
    """The names of the functions and classes that a module defines and does not hide."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
    ]


@pytest.mark.parametrize("name", MODULES)
def test_module_calls_what_it_declares_and_nothing_else(name: str) -> None:
    module, called = load(name), set()
    for compiler in getattr(module, "COMPILED_BY", ()):
        if not find_spec(compiler):
            pytest.skip(f"{compiler} is an extra, and is not installed")
    calls = examples(name)
    missing = [thing for thing in public(module) if thing not in calls]
    assert not missing, f"add calls of {missing} to EXAMPLES in the test of {name}"
    for call in calls.values():
        with only(*uses(module)) as watch:
            call()
        called |= watch.called
    unused = set(module.USES) - called
    assert not unused, f"{name} declares {sorted(unused)}, but no example calls that"


@pytest.mark.parametrize("name", MODULES)
def test_module_declares_only_what_is_free_earned_or_on_loan(name: str) -> None:
    early = set(load(name).USES) - may_use(name)
    assert not early, f"{name} uses {sorted(early)}: rebuild it, or list it in impl/rules.py"


@pytest.mark.parametrize("name", MODULES)
def test_module_imports_the_standard_library_torch_impl_and_its_compiler_only(name: str) -> None:
    compilers = set(getattr(load(name), "COMPILED_BY", ()))
    assert compilers <= COMPILERS
    for node in ast.walk(ast.parse((ROOT / f"{name}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported = [str(node.module)]
        else:
            continue
        for target in imported:
            known = target == "torch" or target.startswith("impl.")
            top = target.split(".")[0]
            assert known or top in compilers or top in sys.stdlib_module_names, target


@pytest.mark.parametrize(("name", "function"), [earned[:2] for earned in EARNED])
def test_what_is_earned_was_rebuilt_from_what_is_free(name: str, function: str) -> None:
    call = examples(name)[function]
    with only(*FREE):
        call()


def test_each_operation_has_one_status() -> None:
    earned = [operation for _, _, operations in EARNED for operation in operations]
    listed = [*FORM, *FREE, *ON_LOAN, *earned]
    assert len(set(listed)) == len(listed)


def test_what_is_earned_counts_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    earned = (("a/first", "f", ("torch.exp",)), ("a/second", "g", ("torch.log", "torch.log2")))
    monkeypatch.setattr("impl.rules.EARNED", earned)
    start = FREE | ON_LOAN
    assert may_use("a/first") == start | {"torch.exp"}
    assert may_use("a/second") == may_use("b/later") == start | {"torch.exp", *earned[1][2]}


def test_undeclared_calls_are_refused() -> None:
    message = r"torch.Tensor.exp is not allowed here, only \['torch.Tensor.sum'\]"
    with pytest.raises(RuleBroken, match=message), only("torch.Tensor.sum"):
        X.sum().exp()
    for forbidden in (
        lambda: X @ W,
        lambda: 1 / X,
        lambda: torch.nn.functional.mse_loss(X, X),
        lambda: torch.nn.init.kaiming_normal_(CONV),
        lambda: torch.empty(3),
        lambda: torch.einsum("ij->i", X),
        lambda: torch.linalg.matrix_norm(X),
        lambda: X.numpy(),
        lambda: torch.ops.aten.exp(X),
    ):
        with pytest.raises(RuleBroken), only("torch.Tensor.sum"):
            forbidden()
    assert X.exp().shape == (4, 3)  # outside, everything is as before


def test_form_is_free_and_calls_are_recorded() -> None:
    with only("torch.Tensor.div", "torch.Tensor.sum") as watch, torch.no_grad():
        assert (1 / X / 2).shape == X.shape
        assert X.dim() == 2 and X.dtype.is_floating_point
    assert watch.called == {"torch.Tensor.div"}


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (torch.Tensor.mul, "torch.Tensor.mul"),
        (torch.Tensor.__rsub__, "torch.Tensor.sub"),
        (torch.Tensor.__rtruediv__, "torch.Tensor.div"),
        (torch.Tensor.__pow__, "torch.Tensor.pow"),
        (torch.Tensor.__rpow__, "torch.Tensor.pow"),
        (vars(torch._C.TensorBase)["shape"].__get__, "torch.Tensor.shape"),
        (torch.where, "torch.where"),
        (torch._C._set_grad_enabled, "torch._C._set_grad_enabled"),
    ],
)
def test_public_names(function: Callable[..., Any], name: str) -> None:
    assert public_name(function) == name
