"""T0b: CPU seconds of checking a candidate, from its fork to its end, for proposals of the grammar.

    python benchmarks/checks.py [--candidates 40] [--seed 0] [--task update.small]

Candidates pass T0a; each is compiled in the network of a task, matched to its budget of parameters
and tried with the fast laws, one after another in children of a process that has imported torch.
The second table says where the time goes, by the same calls made here: a first one of all is not
counted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from asiarch.search.engineer import KINDS, Design, Setting
from asiarch.search.engineer.jobs import check_job
from asiarch.search.executor import Batch, LocalProcesses, Report
from asiarch.search.job import blob_name
from asiarch.search.screen import Screen
from benchmarks.proposals import measure

GOAL = 1.5


def passing(count: int, seed: int) -> list[Design]:
    """Proposals that T0a lets through."""
    screen, found = Screen(), list[Design]()
    for number, proposal in enumerate(measure(count, seed)[1]):
        verdict = screen.judge(proposal.text, proposal.op, dict(proposal.sizes))
        if verdict.status == "new":
            name = f"#{number}"
            found.append(Design(verdict.digest, name, proposal.text, proposal.op, proposal.sizes))
    return found


def run(executor: LocalProcesses, design: Design, task: str, setting: Setting) -> Report:
    text = design.text.encode()
    job = check_job(design, task, setting)
    handle = executor.submit(Batch((job,), {blob_name(text): text}))
    while (report := executor.poll(1.0).get(handle)) is None:
        pass
    return report


def parts(designs: Sequence[Design], task: str, setting: Setting) -> dict[str, float]:
    """Mean CPU milliseconds of the parts of a check, in this process."""
    import torch

    from asiarch.codegen.plan import Unsupported
    from asiarch.interface import BackendError
    from asiarch.search.engineer import handlers
    from asiarch.train import evaluate
    from asiarch.train.tasks import Run
    from asiarch.train.tasks.train import Refused, subject

    torch.set_num_threads(1)
    taken: defaultdict[str, list[float]] = defaultdict(list)

    def timed(name: str, call: Callable[[], Any]) -> Any:
        began = time.process_time()
        made = call()
        taken[name].append(1000 * (time.process_time() - began))
        return made

    ids = torch.randint(32, (2, handlers.TOKENS), generator=torch.Generator().manual_seed(0))
    for design in designs:
        run = Run(design.text, design.op, task, setting.host, sizes=design.sizes,
                  parameters=setting.parameters.get(task))  # fmt: skip
        try:
            common = timed("front end, matching", lambda: subject(run))  # noqa: B023
            network = timed("emit, load, initial values", lambda: common.built.predictor(0))  # noqa: B023
            timed("laws", lambda: handlers.lawful(network.model, ids))  # noqa: B023
            timed("state", lambda: evaluate.state_floats(network.model, common.task.time))  # noqa: B023
        except (Refused, BackendError, Unsupported):
            continue
    return {name: statistics.mean(values[1:]) for name, values in taken.items() if values[1:]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--candidates", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--task", default="update.small")
    options = parser.parse_args()
    designs = passing(options.candidates, options.seed)
    setting, used, ends = Setting(), list[float](), Counter[str]()
    with LocalProcesses(KINDS, slots=1) as executor:
        first = run(executor, designs[0], options.task, setting)
        budget = first.outcomes[0].values.get("parameters")
        if isinstance(budget, int):
            setting = Setting(parameters={options.task: budget})
        for design in designs:
            report = run(executor, design, options.task, setting)
            used.append(report.used["cpu_seconds"])
            outcome = report.outcomes[0]
            ends[outcome.reason or outcome.status] += 1
    used.sort()
    within = sum(seconds <= GOAL for seconds in used)
    print(f"candidates       {len(used)}: " + ", ".join(f"{n} {k}" for k, n in ends.most_common()))
    print(f"CPU seconds      {statistics.median(used):.2f} median, "
          f"{used[int(0.9 * (len(used) - 1))]:.2f} of nine in ten, {used[-1]:.2f} at most; "
          f"{within} of {len(used)} within {GOAL:g}")  # fmt: skip
    for name, cost in parts(designs, options.task, setting).items():
        print(f"  {name:28} {cost:6.0f} ms")


if __name__ == "__main__":
    main()
