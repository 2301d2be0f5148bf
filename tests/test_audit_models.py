"""The audit on models that others wrote, with random weights, without a download: theory is near everywhere."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

os.environ["HF_HUB_OFFLINE"] = "1"
transformers = pytest.importorskip("transformers")

from experiments.audit import audit  # noqa: E402 - the line above decides whether it is needed


def made(name: str, config: str, /, *, add_pooling_layer: bool = True, **sizes: Any) -> Any:
    """A model of transformers, of these sizes, with random weights."""
    settings = getattr(transformers, config)(**sizes)
    more = {} if add_pooling_layer else {"add_pooling_layer": False}
    return getattr(transformers, name)(settings, **more)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


IDS = torch.randint(100, (4, 24), generator=torch.Generator().manual_seed(3))
SMALL = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
STAGES = {"hidden_sizes": [32, 64], "depths": [2, 2]}
PIXELS = {"pixel_values": draw(4, 3, 32, 32)}
MODELS: dict[str, tuple[Callable[[], Any], dict[str, torch.Tensor]]] = {
    "resnet": (
        partial(made, "ResNetModel", "ResNetConfig", **STAGES, embedding_size=32),
        PIXELS,
    ),
    "vit": (
        partial(
            *(made, "ViTModel", "ViTConfig"),
            **SMALL,
            image_size=16,
            patch_size=4,
            intermediate_size=128,
            add_pooling_layer=False,
        ),
        {"pixel_values": draw(4, 3, 16, 16)},
    ),
    "convnext": (
        partial(made, "ConvNextModel", "ConvNextConfig", **STAGES, num_stages=2),
        PIXELS,
    ),
    "gpt2": (
        partial(
            *(made, "GPT2LMHeadModel", "GPT2Config"),
            n_layer=2,
            n_embd=64,
            n_head=4,
            vocab_size=100,
            n_positions=32,
            bos_token_id=0,
            eos_token_id=0,
        ),
        {"input_ids": IDS},
    ),
    "llama": (
        partial(
            *(made, "LlamaForCausalLM", "LlamaConfig"),
            **SMALL,
            vocab_size=100,
            intermediate_size=128,
            num_key_value_heads=2,
        ),
        {"input_ids": IDS},
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_theory_is_near_at_every_operation(name: str) -> None:
    factory, inputs = MODELS[name]
    found = audit(factory, draws=5, fix=True, **inputs)
    known = [x for x in found.layers if x.how in ("exact", "mean field") and x.forward > 0]
    assert len(known) > 0.9 * len(found.layers)
    far = [x.name for x in known if abs(math.log10(x.forward_predicted / x.forward)) > 0.25]
    assert not far
    back = [x for x in known if x.backward > 0 and math.isfinite(x.backward_predicted)]
    assert len(back) > 0.8 * len(known)
    off = [abs(math.log10(x.backward_predicted / x.backward)) for x in back]
    assert sorted(off)[len(off) * 3 // 4] < 0.2
    assert found.after is not None
