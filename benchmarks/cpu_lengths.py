"""Recurrence kernels against softmax attention as the text grows: crossover and peak memory.

    python benchmarks/cpu_lengths.py [--json] [--rounds 3] [--times 512,1024,...] [--dim 64]

Forward and backward, one process, float32, two threads, B = 1, H = 4. Times are ratios of
`scaled_dot_product_attention` to the kernel, median over interleaved rounds: above 1 the kernel is
faster. The crossover is where the ratio passes 1, on a line between two lengths. Memory is the
largest sum of bytes of live tensors that forward and backward make, inputs and their gradients
left out, counted by a dispatch mode at each length.
"""

from __future__ import annotations

import argparse
import json
import math
import weakref
from typing import Any

import torch
from cpu_recurrence import HERE, Entry, entries, machine, measure
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

LEDGER = HERE / "ledger" / "cpu_lengths.jsonl"
TIMES = (256, 512, 1024, 2048, 4096, 8192)


class Peak(TorchDispatchMode):
    """The largest sum of bytes of tensors made inside and alive at once, by storage."""

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.live: dict[int, tuple[int, int]] = {}  # storage: bytes, tensors that hold it
        self.now = self.most = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        old = {
            x.untyped_storage()._cdata for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)
        }
        out = func(*args, **(kwargs or {}))
        for x in tree_leaves(out):
            if isinstance(x, Tensor):
                self._hold(x, old)
        self.most = max(self.most, self.now)
        return out

    def _hold(self, x: Tensor, old: set[int]) -> None:
        storage = x.untyped_storage()
        place = storage._cdata
        if place not in self.live:
            if place in old:  # a view of what was there before
                return
            self.live[place] = storage.nbytes(), 0
            self.now += storage.nbytes()
        size, holders = self.live[place]
        self.live[place] = size, holders + 1
        weakref.finalize(x, self._release, place)

    def _release(self, place: int) -> None:
        size, holders = self.live.get(place, (0, 0))
        if holders > 1:
            self.live[place] = size, holders - 1
        elif self.live.pop(place, None) is not None:
            self.now -= size


def peak(entry: Entry) -> int:
    """Bytes at the worst moment of a forward and backward."""
    entry.run()
    with Peak() as mode:
        entry.run()
    return mode.most


def crossover(times: list[int], ratios: list[float]) -> str:
    """The length where the ratio passes 1, in logarithms of both."""
    if ratios[0] >= 1:
        return f"< {times[0]:,}"
    for t1, t2, r1, r2 in zip(times, times[1:], ratios, ratios[1:], strict=False):
        if r1 < 1 <= r2:
            part = -math.log(r1) / (math.log(r2) - math.log(r1))
            return f"{round(t1 * (t2 / t1) ** part, -1):,.0f}"
    return f"> {times[-1]:,}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help=f"append a line to {LEDGER.name}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", default=",".join(map(str, TIMES)))
    parser.add_argument("--dim", type=int, default=64, help="size K = V")
    options = parser.parse_args()
    torch.set_num_threads(2)
    times = [int(t) for t in options.times.split(",")]
    ratios: dict[str, list[float]] = {}
    bytes_: dict[str, list[int]] = {}
    for time in times:
        found = [e for e in entries(options.dim, time) if e.who in ("ours", "torch")]
        seconds = measure(found, options.rounds)
        softmax = next(s for e, s in zip(found, seconds, strict=True) if e.group == "softmax")
        for entry, mine in zip(found, seconds, strict=True):
            ratios.setdefault(entry.group, []).append(softmax / mine)
            bytes_.setdefault(entry.group, []).append(peak(entry))
    show(options.dim, times, ratios, bytes_)
    if options.json:
        LEDGER.parent.mkdir(exist_ok=True)
        record = {**machine(times[-1], options.rounds), "times": times}
        with LEDGER.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**record, "ratios": ratios, "bytes": bytes_}) + "\n")
        print(f"\nadded to {LEDGER}")


def show(
    dim: int, times: list[int], ratios: dict[str, list[float]], bytes_: dict[str, list[int]]
) -> None:
    """Both tables."""
    head = "".join(f"{f'T={t:,}':>10}" for t in times)
    print(f"K = V = {dim}: times faster than softmax attention, forward and backward")
    print(f"{'class':12}{head}   crossover")
    for group, row in ratios.items():
        if group != "softmax":
            cells = "".join(f"{r:9.2f}x" for r in row)
            print(f"{group:12}{cells}   {crossover(times, row)}")
    print(f"\npeak memory of forward and backward, MiB\n{'class':12}{head}   of T")
    for group, row in bytes_.items():
        cells = "".join(f"{b / 2**20:10.1f}" for b in row)
        print(f"{group:12}{cells}   T^{math.log2(row[-1] / row[-2]):.2f}")


if __name__ == "__main__":
    main()
