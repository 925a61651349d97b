"""Chunks of 16 tokens against 64, where a head has few values and where it has many.

    python benchmarks/short_chunks.py [--rows 16] [--tokens 40]

CPU milliseconds of one thread, forward and backward, the fastest of three, by turns; `share` is
that of the time which 16 takes, `chosen` what a module gets where nobody asks for a number.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from time import process_time
from typing import Any

import torch

import asiarch
from asiarch.codegen.plan import CHUNK, SHORT, Kernel, make_plan
from asiarch.interface import elaborate
from asiarch.search.library import entries

DELTA = """op delta[D, H, K, V](x: Seq[D]) -> Seq[D] where causal {
  k = x |> linear[H, K] |> l2norm[K]
  a = sigmoid(linear[AXES](x))
  state S[H, K, V]
  S = a * S[t-1] + k * (linear[H, V](x) - k @ (a * S[t-1]))
  return linear[H, V -> D](k @ S)
}
"""
LIBRARY = ("s4.lru", "light_rnn.gate_loop", "s4.s4d_real", "s4.mega_ema")
FASTEST_OF = 3


def cases() -> Iterator[tuple[str, str, str, Mapping[str, int]]]:
    """A name, a program, its definition and sizes."""
    sizes = {"D": 64, "H": 2, "K": 16, "V": 32}
    yield "a decay along keys and values", DELTA.replace("AXES", "H, K, V"), "delta", sizes
    two = {**sizes, "H": 32, "V": 2}
    yield "two values a head", DELTA.replace("AXES", "H, K"), "delta", two
    yield "32 values a head", DELTA.replace("AXES", "H, K"), "delta", sizes
    for entry in entries():
        if entry.name in LIBRARY:
            yield entry.name, entry.text, entry.op, {"D": 64}


def step(module: Any, x: torch.Tensor) -> float:
    began = process_time()
    module.zero_grad()
    module(x).square().mean().backward()
    return 1000 * (process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=40)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"| program | chosen | {SHORT} | {CHUNK} | share |\n| --- | --- | --- | --- | --- |")
    for name, text, op, sizes in cases():
        plan = make_plan(elaborate(text, op, sizes))
        chosen = {s.chunk for s in plan.steps if isinstance(s, Kernel)}
        x = torch.randn(given.rows, given.tokens, sizes["D"])
        modules = [asiarch.compile(text, op, sizes, chunk=c) for c in (SHORT, CHUNK)]
        taken = [[step(m, x) for m in modules] for _ in range(FASTEST_OF + 1)][1:]
        short, long = (min(column) for column in zip(*taken, strict=True))
        print(f"| {name} | {min(chosen)} | {short:.0f} | {long:.0f} | {short / long:.2f} |")


if __name__ == "__main__":
    main()
