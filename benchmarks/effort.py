"""Does the effort that T0b counts say how long a training step takes? For the panel and proposals.

    python benchmarks/effort.py [--candidates 24] [--seed 3] [--task update.small]

`effort` and `step` are those of the bar's; a search rejects what takes more than four times the
bar's. The last line is the rank correlation, and the largest step of what would be trained.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import torch
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parent.parent))

from asiarch.codegen.plan import Unsupported
from asiarch.interface import BackendError
from asiarch.search.engineer.effort import effort
from asiarch.search.loop.search import MOST_EFFORT
from asiarch.search.protocol import PANEL
from asiarch.search.ranking.entrants import Entrants
from asiarch.train.tasks import Run
from asiarch.train.tasks.train import Refused, Subject, subject
from benchmarks.checks import passing

STEPS = 3
BAR = "softmaxc_mixer"


def measured(run: Run) -> tuple[float, float]:
    """Effort, and the CPU milliseconds of the fastest of `STEPS` training steps."""
    common: Subject = subject(run)
    learner = common.learner([run], together=False)
    learner.step(0)
    times: list[float] = []
    for step in range(STEPS):
        began = process_time()
        learner.step(step + 1)
        times.append(1000 * (process_time() - began))
    return effort(learner.predictor, common.task.time), min(times)


def rows(task: str, count: int, seed: int) -> Iterator[tuple[str, float, float]]:
    entrants = Entrants()
    known = [d for name in PANEL for d in entrants.of_library(name)]
    for design in (*known, *passing(count, seed)):
        try:
            yield design.name, *measured(Run(design.text, design.op, task, sizes=design.sizes))
        except (Refused, BackendError, Unsupported):
            continue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--candidates", type=int, default=24)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--task", default="update.small")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = list(rows(options.task, options.candidates, options.seed))
    _, one, unit = next(row for row in found if row[0] == BAR)
    print("| mixer | effort | step |\n| --- | --- | --- |")
    for name, counted, milliseconds in sorted(found, key=lambda row: row[1]):
        print(f"| {name} | {counted / one:.2f} | {milliseconds / unit:.2f} |")
    trained = [m / unit for _, e, m in found if e <= MOST_EFFORT * one]
    rank = spearmanr([e for _, e, _ in found], [m for _, _, m in found])
    print(f"rank correlation {rank.statistic:.2f} over {len(found)}; of the {len(trained)} that "
          f"would be trained, the longest step is {max(trained):.1f} of the bar's")  # fmt: skip


if __name__ == "__main__":
    main()
