"""A max-plus state on a CPU: the kernel beside the loop over tokens that it stands for.

    python benchmarks/cpu_maxplus.py [--rounds 5] [--times 2048,8192]

One process, one thread, float32, B = 2, 4 heads, gates as xLSTM draws them; forward and backward,
median of interleaved rounds: read the ratios.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from asiarch.kernels.load import load
from asiarch.kernels.rows.torch import Rows

SHAPE = 1, 1, 4


def loop(a: Tensor, b: Tensor) -> Tensor:
    """m [B, T, ...] token by token."""
    m, states = torch.zeros_like(a[:, 0]), list[Tensor]()
    for t in range(a.shape[1]):
        m = torch.maximum(a[:, t] + m, b[:, t])
        states.append(m)
    return torch.stack(states, 1)


def seconds(length: int, rounds: int) -> tuple[float, float]:
    """Of the kernel and of the loop."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(2, length, *SHAPE, generator=generator) for _ in "ab")
    a, b = F.logsigmoid(a + 4.5).requires_grad_(), b.requires_grad_()
    kernel, rows = load("maxplus/torch.py")["maxplus"], Rows(a)
    forms: list[Callable[[], Tensor]] = [lambda: kernel(a, b, None, rows)[0], lambda: loop(a, b)]
    found: list[list[float]] = [[], []]
    for turn in range(rounds + 1):
        for form, into in zip(forms, found, strict=True):
            start = time.perf_counter()
            form().sum().backward()
            if turn:
                into.append(time.perf_counter() - start)
    ours, theirs = (statistics.median(s) for s in found)
    return ours, theirs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--times", default="2048,8192")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("| T | kernel ms | token loop ms | ratio |\n|---|---|---|---|")
    for length in map(int, given.times.split(",")):
        ours, theirs = seconds(length, given.rounds)
        print(f"| {length:,} | {ours * 1e3:.1f} | {theirs * 1e3:.1f} | {theirs / ours:.1f}x |")


if __name__ == "__main__":
    main()
