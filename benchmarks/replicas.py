"""A training step of several replicas: one after another against one module, per replica.

    python benchmarks/replicas.py
    python benchmarks/replicas.py --mixers delta --tasks bytes --replicas 1 4

CPU milliseconds of one thread, forward, backward and update, median of interleaved rounds. The last
columns are what replicas gain over the loop, and the share of the batched step's time that is
matrix products. `asiarch.train.tasks.train` trains replicas as one module for steps of at most
`TOGETHER` tokens a replica: where this table has gains.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time

import torch

from asiarch.train.tasks import Run
from asiarch.train.tasks.learner import Learner
from asiarch.train.tasks.profile import matmul_share
from asiarch.train.tasks.train import TOGETHER, subject

sys.path.insert(0, str(Path(__file__).resolve().parent))
from tiny_tasks import mixer_text

ROUNDS, STEPS = 5, 3
HEAD = ("mixer", "task", "tokens", "replicas", "loop ms", "together ms", "gain", "products")


def row(mixer: str, task: str, batch: int | None, replicas: int) -> tuple[str, ...]:
    run = Run(mixer_text(mixer), f"{mixer}_mixer", f"{task}.small", batch=batch)
    common = subject(run)
    runs = [replace(run, seed=n) for n in range(replicas)]
    loop = [common.learner([one], together=False) for one in runs]
    whole = [common.learner(runs, together=True)]
    for learner in (*loop, *whole):
        learner.step(0)
    times: dict[str, list[float]] = {"loop": [], "together": []}
    for _ in range(ROUNDS):
        times["loop"].append(_milliseconds(loop) / replicas)
        times["together"].append(_milliseconds(whole) / replicas)
    alone, both = (statistics.median(times[k]) for k in ("loop", "together"))
    gain, share = alone / both, matmul_share(whole[0])
    cells = (f"{alone:.1f}", f"{both:.1f}", f"{gain:.2f}", f"{share:.0%}")
    return (mixer, task, str(common.tokens), str(replicas), *cells)


def _milliseconds(learners: Sequence[Learner]) -> float:
    began = process_time()
    for learner in learners:
        for step in range(STEPS):
            learner.step(step)
    return 1000 * (process_time() - began) / STEPS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mixers", nargs="+", default=["softmaxc", "scalar", "delta", "conv"])
    parser.add_argument("--tasks", nargs="+", default=["parity", "update", "bytes"])
    parser.add_argument("--batch", type=int, help="rows of a step, in place of the task's")
    parser.add_argument("--replicas", nargs="+", type=int, default=[1, 3, 6])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"one module up to {TOGETHER} tokens", flush=True)
    for cells in (HEAD, ("---",) * len(HEAD)):
        print(f"| {' | '.join(cells)} |")
    for task in arguments.tasks:
        for mixer in arguments.mixers:
            for replicas in arguments.replicas:
                cells = row(mixer, task, arguments.batch, replicas)
                print(f"| {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
