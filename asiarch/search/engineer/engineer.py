"""The engineer: what a protocol says, as requests to a lab. One rule for panel and candidates.

A design is checked (`checks`), its learning rate chosen for each task on selection seeds that score
nothing (`rates`), and it is trained on the scoring seeds of a role (`scores`). Everybody has the
same grid, the same seeds and the same budget of parameters; the effect of a design is the paired
difference to a baseline that was trained on the same seeds (`Scores.paired`). What races, ranks,
estimates noise or attributes is built on these three calls:

    engineer = Engineer(lab, protocol, master=0, run="mine")
    engineer.calibrate(designs[0], tasks)            # the budget that all are matched to
    found = engineer.scores(designs, tasks, range(3), role="train", tier="T1")
    found.paired([d.id for d in designs], designs[0].id, "update.small")   # [N, 3]

Every call is memoised by the lab: to ask again costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from asiarch.search.engineer.design import Design
from asiarch.search.engineer.jobs import Setting, check_job, train_job
from asiarch.search.engineer.scores import Score, Scores, score
from asiarch.search.job import Outcome, digest
from asiarch.search.lab import Lab, Request
from asiarch.search.protocol import Protocol
from asiarch.search.seeds import Role, seed

GUESS = 20.0
"""CPU-seconds of a run before one of its task was measured."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The learning rate that was chosen, None where all of the grid failed, for `reason`.

    `losses` over the grid, nan where one failed; `edge`: the best was the grid's first or last.
    """

    value: float | None
    losses: tuple[float, ...] = ()
    reason: str = ""
    said: str = ""

    @property
    def edge(self) -> bool:
        known = [loss for loss in self.losses if math.isfinite(loss)]
        return len(self.losses) > 1 and min(known) in (self.losses[0], self.losses[-1])

    @property
    def sensitivity(self) -> float:
        """The mean loss over the grid above the best one's, in units of the metric."""
        known = [loss for loss in self.losses if math.isfinite(loss)]
        return sum(known) / len(known) - min(known) if known else math.nan


@dataclass(slots=True)
class Engineer:
    """`run` and `master` decide the seeds, with the role and a count, and nothing else does.

    `shared`: in place of the run, for seeds that do not confirm. Runs that agree on it and on the
    master are paired: what both measure, as the panel, is trained once.
    """

    lab: Lab
    protocol: Protocol
    master: int
    run: str
    setting: Setting = field(default_factory=Setting)
    costs: dict[str, float] = field(default_factory=dict[str, float])
    shared: str = ""

    def __post_init__(self) -> None:
        self.setting = replace(self.setting, host=self.protocol.host)

    def seed(self, role: Role, k: int) -> int:
        """The k-th seed of a role: the same for all designs, which pairs them."""
        run = self.run if role == "confirm" else self.shared or self.run
        return seed(self.master, run, "", role, k)

    # ---- T0b -----------------------------------------------------------------------------------

    def calibrate(self, reference: Design, tasks: Sequence[str]) -> None:
        """The budget of parameters for each task: the reference's, at the hosts' own width.

        Raises ValueError when the reference cannot be hosted.
        """
        plain = replace(self.setting, parameters={})
        requests = [self._check(reference, task, plain) for task in tasks]
        budget: dict[str, int] = {}
        for task, outcome in zip(tasks, self.lab.run(requests), strict=True):
            if outcome.status == "failed":
                raise ValueError(f"{reference.name} on {task}: {outcome.values.get('message')}")
            budget[task] = int(outcome.values["parameters"])  # type: ignore[arg-type]
        self.setting = replace(self.setting, parameters=budget)

    def checks(self, designs: Sequence[Design], task: str) -> list[Outcome]:
        """T0b of each design, matched to the budget of a task."""
        return self.lab.run([self._check(d, task, self.setting) for d in designs])

    def _check(self, design: Design, task: str, setting: Setting) -> Request:
        job = check_job(design, task, setting)
        return Request(job, (design.text.encode(),), design.id, tier="T0b")

    # ---- training ------------------------------------------------------------------------------

    def rates(
        self, designs: Sequence[Design], tasks: Sequence[str], *, tier: str = "T1", steps: int = 0
    ) -> dict[tuple[str, str], Rate]:
        """The learning rate of each design and task: the grid's best mean on selection seeds.

        A rate that fails on one of them is out. Without selection seeds all train at the grid's
        first.
        """
        grid, count = self.protocol.learning_rates, self.protocol.select_seeds
        pairs = [(d, task) for d in designs for task in tasks]
        if not count:
            return {(d.id, task): Rate(grid[0]) for d, task in pairs}
        each = [(self.seed("select", k), rate, k) for rate in grid for k in range(count)]
        found = self._train([(d, t, each) for d, t in pairs], "select", tier, steps)
        return {
            (d.id, t): _chosen(grid, [row[n : n + count] for n in range(0, len(row), count)])
            for (d, t), row in zip(pairs, found, strict=True)
        }

    def scores(
        self,
        designs: Sequence[Design],
        tasks: Sequence[str],
        ks: Iterable[int],
        *,
        role: Role = "train",
        tier: str = "T1",
        steps: int = 0,
    ) -> Scores:
        """The metric of each design on each task over the k-th seeds of a role.

        Where no learning rate works, all seeds are missing for that reason.
        """
        ks = list(ks)
        rates = self.rates(designs, tasks, tier=tier, steps=steps)
        asked: list[tuple[Design, str, list[tuple[int, float, int]]]] = []
        for design in designs:
            for task in tasks:
                rate = rates[design.id, task].value
                if rate is not None:
                    each = [(self.seed(role, k), rate, k) for k in ks]
                    asked.append((design, task, each))
        rows = self._train(asked, role, tier, steps)
        out = Scores()
        for key, rate in rates.items():
            out.rows[key] = [Score(math.nan, rate.reason, rate.said)] * len(ks)
        for (design, task, _), row in zip(asked, rows, strict=True):
            out.rows[design.id, task] = row
        return out

    def _train(
        self,
        asked: Sequence[tuple[Design, str, list[tuple[int, float, int]]]],
        role: Role,
        tier: str,
        steps: int,
    ) -> list[list[Score]]:
        requests: list[Request] = []
        for design, task, each in asked:
            # What is trained together is told by the request alone: company changes the order of
            # some sums, and so must not depend on which worker asks when.
            group = digest([design.id, task, steps, [list(run) for run in each]])[:16]
            for number, rate, k in each:
                job = train_job(
                    design, task, self.setting, number, rate,
                    steps=steps, group=group, cost=self.cost(task),
                )  # fmt: skip
                requests.append(
                    Request(job, (design.text.encode(),), design.id, role=role, tier=tier, k=k)
                )
        outcomes = iter(self.lab.run(requests))
        found = [[next(outcomes) for _ in each] for _, _, each in asked]
        for (_, task, _), row in zip(asked, found, strict=True):
            self._learn(task, row)
        return [[score(o, self.protocol.metric) for o in row] for row in found]

    # ---- costs ---------------------------------------------------------------------------------

    def cost(self, task: str) -> float:
        """CPU-seconds that a run of a task takes, as far as runs were seen."""
        known = list(self.costs.values())
        return self.costs.get(task, sum(known) / len(known) if known else GUESS)

    def _learn(self, task: str, outcomes: Sequence[Outcome]) -> None:
        took = [o.seconds for o in outcomes if o.status == "done" and o.seconds > 0]
        if took:
            before = self.costs.get(task)
            mean = sum(took) / len(took)
            self.costs[task] = mean if before is None else (3 * before + mean) / 4


def _chosen(grid: Sequence[float], rows: Sequence[Sequence[Score]]) -> Rate:
    losses = tuple(sum(s.value for s in row) / len(row) for row in rows)
    known = [(loss, rate) for loss, rate in zip(losses, grid, strict=True) if math.isfinite(loss)]
    if known:
        return Rate(min(known)[1], losses)
    first = next(s for row in rows for s in row if s.reason)
    return Rate(None, losses, first.reason, first.said)
