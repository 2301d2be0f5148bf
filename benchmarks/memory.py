"""Megabytes that a deep stack takes, there and back: ours, and nn.Sequential's with autograd. Part of ``make bench``.

``python -m benchmarks.memory ours 1024 200 64`` measures one in a process of its own.
"""

from __future__ import annotations

import math
import re
import resource
import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

from experiments.data import cotangent_vectors, input_vectors
from experiments.passes import Stack
from experiments.stack import run
from experiments.weights import kaiming_weights
from impl.init.kaiming import kaiming_normal_

KINDS = ("ours, forwards", "ours", "nn.Sequential")


def peak() -> float:
    """The largest memory of this process so far, in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: getrusage begins at what the process had that started this one
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="ascii"))
        if found:
            return int(found[1]) / 2**10
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / (2**20 if sys.platform == "darwin" else 2**10)


def ours(width: int, depth: int, batch: int, *, back: bool) -> None:
    """One network with fresh weights in buffers that are used again."""
    stack = Stack([width] * (depth + 1), kaiming_weights("normal").fill)
    top = cotangent_vectors("gaussian", batch) if back else None
    run(stack, input_vectors(("gaussian",), each=batch), top, networks=1, seed=0, workers=1)


def sequential(width: int, depth: int, batch: int) -> None:
    """The same with torch's modules and autograd."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        linear = nn.Linear(width, width, bias=False)
        kaiming_normal_(linear.weight.data)
        layers += [linear.requires_grad_(False), nn.ReLU()]
    x = torch.randn(batch, width, requires_grad=True)
    nn.Sequential(*layers)(x).backward(torch.randn(batch, width))


def measured(kind: str, width: int, depth: int, batch: int) -> float:
    """What ``kind`` adds to a process that has run a stack of two layers before."""
    command = [sys.executable, "-m", "benchmarks.memory", kind, *map(str, (width, depth, batch))]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    value = float(done.stdout)
    return value if math.isfinite(value) else math.nan


def main() -> None:
    """Print what the arguments ask for."""
    kind, *sizes = sys.argv[1:]
    width, depth, batch = map(int, sizes)
    torch.set_num_threads(1)

    def one(width: int, depth: int) -> None:
        if kind == "nn.Sequential":
            sequential(width, depth, batch)
        else:
            ours(width, depth, batch, back=kind == "ours")

    one(64, 2)
    before = peak()
    one(width, depth)
    print(peak() - before)


if __name__ == "__main__":
    main()
