"""Rules for attention: how many keys a query looks at before training, and what that leaves of the values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.audit.predict import Call, Theory, rule
from experiments.audit.state import APART, FAR, INPUTS, State, step
from impl.init._graph import Node

LOGNORMAL = "attention's weights taken as log-normal, its values as equally correlated"


def participation(score_variance: float, keys: Any) -> Any:
    """The sum of squares of a softmax's weights: 1/keys for scores that are all equal, up to 1 for one winner."""
    return np.minimum(1.0, math.exp(min(score_variance, 60.0)) / keys)


@rule("softmax", "log_softmax")
def _softmax(theory: Theory, node: Node, call: Call) -> State | None:
    if node.kind == "log_softmax":
        return None
    s, dim = call.state(), int(call.raw(1, "dim", -1))
    keys = s.second.shape[dim]
    spread = s.size * (1 - max(0.0, float(s.cosines[FAR]))) - (
        s.mean_square if s.mean is not None else 0
    )
    share = float(participation(max(spread, 0.0), keys))
    theory.scores[node.index] = max(spread, 0.0), float(keys)
    value = torch.full_like(s.second, share / keys)
    return s.with_(
        second=step(s.second, value, (1 / keys) ** 2 * (1 - 1 / keys)),
        mean=torch.full_like(value, 1 / keys),
        cosines=np.ones(4) / (share * keys),
        symmetric=False,
        participation=share,
    ).because(LOGNORMAL)


@rule("matmul", "bmm")
def _matmul(theory: Theory, node: Node, call: Call) -> State:
    """A product of two activations: scores of queries and keys, or weights of attention and values."""
    a, b = call.state(0, "input"), call.state(1, "other")
    if a.participation is not None:
        weights = torch.full_like(a.second, 1 / a.second.shape[-1])
        found = _attended(weights, b, a.participation)
        level = b.size * (1 - max(0.0, float(b.cosines[FAR])))
        return found.with_(second=_also(found.second, a.second.sum(-1, keepdim=True) * level))
    second = torch.matmul(a.second, b.second)
    found = a.with_(
        second=second,
        mean=None,
        cosines=a.cosines * b.cosines,
        symmetric=a.symmetric or b.symmetric,
        known=False,
        approximate=a.approximate or b.approximate,
    )
    return found.because("a product of numbers taken as independent")


def _also(second: Tensor, flow: Tensor) -> Tensor:
    """The same, with a way for gradients into the scores: a change of ``flow`` is one of the result."""
    return second + (flow - flow.detach())


def _attended(weights: Tensor, values: State, share: Any) -> State:
    """The average of values by weights whose squares sum to ``share``, a number or one for each query."""
    base = torch.matmul(weights, values.second)
    far, apart = (max(0.0, float(values.cosines[i])) for i in (FAR, APART))
    left = far + (1 - far) * share
    uniform = float(
        weights.square().sum(-1).mean()
    )  # what two rows of weights share if all scores are equal
    two = float((weights @ weights.transpose(-1, -2)).mean())  # and two rows of different queries
    between = apart + (float(values.cosines[INPUTS]) - apart) * uniform
    typical = max(float(torch.as_tensor(left).double().mean()), 1e-300)
    cosines = np.array([between, far + (1 - far) * two, far + (1 - far) * two, apart])
    return values.with_(
        second=step(base, base * left, share),
        mean=None if values.mean is None else torch.matmul(weights, values.mean),
        cosines=np.clip(cosines / typical, -1, 1),
        known=False,
    ).because(LOGNORMAL)


@rule("scaled_dot_product_attention")
def _fused(theory: Theory, node: Node, call: Call) -> State:
    """The same in one call, with the mask that it was given."""
    q, k, v = (call.state(i, n) for i, n in enumerate(("query", "key", "value")))
    mask, causal = call.raw(3, "attn_mask"), bool(call.raw(5, "is_causal", False))
    features, queries, keys = q.second.shape[-1], q.second.shape[-2], k.second.shape[-2]
    scale = call.raw(6, "scale") or 1 / math.sqrt(features)
    heads = q.second.shape[-3]
    if v.second.dim() > 3 and v.second.shape[-3] != heads:
        v = v.with_(second=v.second.repeat_interleave(heads // v.second.shape[-3], -3))
    seen = torch.ones(queries, keys)
    if causal:
        seen = seen.tril()
    elif isinstance(mask, Tensor):
        seen = (mask if mask.dtype == torch.bool else mask > -1e4).float()
    found, spread = _looked(q, k, v, seen, float(scale), features)
    theory.scores[node.index] = spread, float(seen.sum(-1).double().mean())
    return found


def _looked(
    q: State, k: State, v: State, seen: Tensor, scale: float, features: int
) -> tuple[State, float]:
    counts = seen.sum(-1, keepdim=True).clamp_min(1)
    alike = max(0.0, float(k.cosines[FAR]))
    spread = scale**2 * features * q.size * k.size * (1 - alike)
    share = torch.from_numpy(participation(spread, counts.numpy())).float()
    found = _attended(seen / counts, v, share)
    level = v.size * (1 - max(0.0, float(v.cosines[FAR]))) * scale**2 * features
    level *= float(
        (share * (1 - share)).double().mean()
    )  # a single key's weight is 1, whatever its score
    second = _also(found.second, q.second.mean(-1, keepdim=True) * level * k.size)
    places = (
        (-1, -2, -3) if k.second.dim() > 3 else (-1, -2)
    )  # a head of keys may serve several of queries
    second = _also(second, k.second.mean(places, keepdim=True) * level * q.size)
    return found.with_(second=second), spread


@rule("multi_head_attention_forward")
def _multi_head(theory: Theory, node: Node, call: Call) -> State | None:
    """torch's own module, in one call: projections, attention, and the projection of what was attended."""
    arguments = call.args
    q, k, v = (theory.state(call.raw(i, n)) for i, n in enumerate(("query", "key", "value")))
    width, heads = int(call.raw(3, "embed_dim_to_check")), int(call.raw(4, "num_heads"))
    inside, after = call.raw(5, "in_proj_weight"), call.raw(11, "out_proj_weight")
    if inside is None or len(arguments) < 5:
        return None
    square, out_square = theory.squares(inside)[0], theory.squares(after)[0]
    fan, features = inside.shape[-1], width // heads
    ratio = square * fan
    looked = [State(torch.full((1, 1), s.size * ratio), cosines=s.cosines) for s in (q, k)]
    keys = v.second.shape[0]  # sequence first
    seen = torch.ones(q.second.shape[0], keys)
    values = v.second.transpose(0, -2) if v.second.dim() == 3 else v.second
    made = v.with_(second=values.mean(-1, keepdim=True) * ratio, mean=None, symmetric=True)
    found, spread = _looked(looked[0], looked[1], made, seen, 1 / math.sqrt(features), features)
    theory.scores[node.index] = spread, float(keys)
    second = (
        (found.second * out_square * width).transpose(0, -2)
        if v.second.dim() == 3
        else found.second
    )
    return found.with_(second=second.expand(q.second.shape).clone(), mean=None, symmetric=True)
