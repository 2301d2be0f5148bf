"""Theory beside the run: each operation's effect on expected squares, from the derivations' own predictions.

One rule an operation, found by its name. What has no rule is measured, and theory goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from experiments.audit.state import Restart, State, input_state, known
from impl.init._graph import STRUCTURE, Node, Recorder

Rule = Callable[["Theory", Node, "Call"], State | None]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations of these names."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


class Call:
    """An operation's arguments: by position or by name, as the states of those that are tensors."""

    def __init__(self, theory: Theory, function: Any, args: Any, kwargs: Any, out: Any) -> None:
        self.theory, self.function, self.args, self.kwargs = theory, function, args, kwargs
        self.out: Any = out

    def raw(self, place: int, name: str, default: Any = None) -> Any:
        """The argument itself."""
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)

    def state(self, place: int = 0, name: str = "input") -> State:
        """What theory knows of it."""
        return self.theory.state(self.raw(place, name))


def turned(s: State, kind: str, call: Call) -> int:
    """The axis of the features after a move: of three axes the last two may change places."""
    if kind not in TURNING:
        return s.features
    if s.second.dim() != 3:
        return 0
    dims = [d for d in tree_leaves((call.args[1:], call.kwargs)) if isinstance(d, int)]
    swapped = kind in ("T", "mT") or [d % 3 for d in dims] in ([1, 2], [2, 1], [0, 2, 1])
    return -s.features if swapped else 0


TURNING = {"transpose", "swapaxes", "swapdims", "permute", "movedim", "T", "mT"}


class Theory(Recorder):
    """Runs a model, and beside it its network of squares.

    ``variances`` maps a parameter's name to its (mean square, mean); ``gradients`` a node's index to the mean square
    measured for its gradient. Afterwards ``states`` has what is known of every node's result, ``outputs`` the tensors.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        variances: dict[str, tuple[float, float]],
        gradients: list[float],
    ) -> None:
        super().__init__(model)
        self.variances, self.gradients = variances, gradients
        self.states: list[State | None] = []
        self.why: dict[int, str] = {}
        self.scores: dict[
            int, tuple[float, float]
        ] = {}  # attention: the scores' variance, how many keys
        self.backward: dict[int, float] = {}
        self.result: Any = None  # what the model returned
        self._of: dict[int, State] = {}
        self._given: dict[int, State] = {}

    def state(self, value: Any) -> State:
        """What is known of a tensor, or a number."""
        if not isinstance(value, Tensor):
            return known(torch.tensor(float(value)))
        return self._of.get(id(value)) or known(value)

    def squares(self, weight: Tensor) -> tuple[float, float]:
        """The mean square and the mean of a parameter, over all draws."""
        name = self.parameters.get(id(weight))
        if name in self.variances:
            return self.variances[name]
        double = weight.detach().double()
        return float(double.square().mean()), float(double.mean())

    def before(self, args: Any, kwargs: dict[str, Any]) -> None:
        """Remember what the arguments were: an operation in place changes them."""
        self._given = {
            id(x): self._of[id(x)] for x in tree_leaves((args, kwargs)) if id(x) in self._of
        }

    def observe(
        self, node: Node, function: Any, args: Any, kwargs: dict[str, Any], out: Any
    ) -> None:
        """Say what is known of an operation's result."""
        if node.kind == "input":
            self._keep(node, out, input_state(out))
            return
        call = Call(self, function, args, kwargs, out)
        with torch.enable_grad():
            self._keep(node, out, self._predict(node, call))

    def _predict(self, node: Node, call: Call) -> Any:
        reason = f"no rule for {node.kind}"
        states = [
            self._of[id(x)] for x in tree_leaves((call.args, call.kwargs)) if id(x) in self._of
        ]
        try:
            if states and all(s.known for s in states) and not node.weight and node.kind in KNOWING:
                return self._of_known(node, call, states)
            if node.kind in STRUCTURE:
                return self._moved(node, call)
            if node.kind in RULES:
                found = RULES[node.kind](self, node, call)
                if found is not None:
                    return found
        except (TypeError, ValueError, RuntimeError, IndexError, KeyError, AttributeError) as error:
            reason = f"{node.kind} in a form without a rule ({str(error).splitlines()[0][:80]})"
        self.why[node.index] = reason
        return self._restarted(node, call)

    def _of_known(self, node: Node, call: Call, states: list[State]) -> Any:
        """No weight has acted: the value is known, and so is its square; of gradients, what was measured."""
        measured = any(s.measured for s in states)
        found = self._restarted(node, call)
        return [s.with_(measured=measured, known=True) for s in found]

    def _moved(self, node: Node, call: Call) -> Any:
        """Numbers that change places: the same function, on expected squares and on expected values."""
        leaves = [x for x in tree_leaves((call.args, call.kwargs)) if isinstance(x, Tensor)]
        moving = [x for x in leaves if x.is_floating_point()]
        states = [self.state(x) for x in moving]

        def moved(part: Callable[[State], Tensor]) -> Any:
            def one(x: Any) -> Any:
                return part(self.state(x)) if isinstance(x, Tensor) and x.is_floating_point() else x

            return call.function(*tree_map(one, call.args), **tree_map(one, call.kwargs))

        second = moved(lambda s: s.second)
        means: Any = None
        if any(s.mean is not None for s in states):
            means = moved(
                lambda s: torch.zeros_like(s.second) if s.mean is None else s.mean.detach()
            )
        filled = [s for s in states if s.second.numel()] or states  # an empty cache has no angles
        weights = np.array([max(s.size, 1e-300) * s.second.numel() for s in filled])
        mixed = sum(w * s.cosines for w, s in zip(weights, filled, strict=True)) / weights.sum()
        like = states[0].with_(
            cosines=np.asarray(mixed),
            symmetric=all(s.symmetric for s in states),
            known=all(s.known for s in states),
            approximate=next((s.approximate for s in states if s.approximate), ""),
            measured=any(s.measured for s in states),
            features=turned(states[0], node.kind, call),
            participation=states[0].participation,
            rectified=states[0].rectified if len(states) == 1 else None,
        )
        if isinstance(second, Tensor):
            return like.with_(
                second=second,
                mean=means,
                participation=like.participation,
                rectified=like.rectified,
            )
        parts = [m.detach() for m in means] if means is not None else [None] * len(second)
        return [like.with_(second=s, mean=m) for s, m in zip(second, parts, strict=True)]

    def _restarted(self, node: Node, call: Call) -> Any:
        """Take what was measured for the expected square, and for the gradients below."""
        tensors = [
            x for x in tree_leaves(call.out) if isinstance(x, Tensor) and x.is_floating_point()
        ]
        pairs = [
            (self.gradients[i], self._flow(i))
            for i in dict.fromkeys(node.inputs)
            if i < len(self.gradients) and self._flow(i) is not None
        ]
        found = []
        for tensor in tensors:
            state = known(tensor)
            levels = tuple(level for level, _ in pairs)
            second = Restart.apply(state.second, levels, *(flow for _, flow in pairs))  # type: ignore[no-untyped-call]
            if not second.requires_grad:
                second = second.requires_grad_()
            found.append(state.with_(second=second, measured=True, known=False))
        return found

    def _flow(self, index: int) -> Any:
        state = self.states[index]
        return state.second if state is not None and state.second.requires_grad else None

    def _keep(self, node: Node, out: Any, found: Any) -> None:
        """Attach states to the tensors that came out, and listen for the expected square of their gradients."""
        tensors = [x for x in tree_leaves(out) if isinstance(x, Tensor) and x.is_floating_point()]
        states = found if isinstance(found, list) else [found] * len(tensors)
        self.states.append(states[0] if states else None)
        for tensor, state in zip(tensors, states, strict=False):
            self._of[id(tensor)] = state
        if states and states[0].second.requires_grad and node.kind not in STRUCTURE:

            def keep(gradient: Tensor, index: int = node.index) -> None:
                self.backward[index] = float(gradient.mean())

            states[0].second.register_hook(keep)


KNOWING = {"add", "sub", "mul", "div", "neg", "pow", "mean", "clamp", "relu", "rsub"}
