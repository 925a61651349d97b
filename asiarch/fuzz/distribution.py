"""What the generator draws: sizes, states, attends, primitives, recurrence classes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from asiarch.analysis.report import check
from asiarch.fuzz.generate import draw
from asiarch.fuzz.policy import CAUSAL, Policy
from asiarch.interface import elaborate
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.ir.primitive import registry

CLASSES = ("identity", "identity+rank1", "identity+rankN", "scalar", "scalar+rank1",
           "scalar+rankN", "diagonal", "diagonal+rank1", "diagonal+rankN", "elementwise",
           "momentum", "max-plus", "nonlinear")  # fmt: skip
LEAST_NODES, LEAST_STATE, LEAST_ATTEND, LEAST_TWO = 12, 0.30, 0.20, 0.10
LEAST_PRIMITIVE, LEAST_CLASS = 0.01, 0.02
CHUNKS_LONG = 3


@dataclass(slots=True)
class Distribution:
    """Counts of programs; `nodes` is how many each has, `blocks` how many blocks it runs over."""

    nodes: list[int] = field(default_factory=list[int])
    blocks: list[float] = field(default_factory=list[float])
    states: Counter[int] = field(default_factory=Counter[int])
    primitives: Counter[str] = field(default_factory=Counter[str])
    classes: Counter[str] = field(default_factory=Counter[str])
    statements: Counter[str] = field(default_factory=Counter[str])

    @property
    def programs(self) -> int:
        return len(self.nodes)

    def share(self, count: int) -> float:
        return count / max(self.programs, 1)

    def lines(self) -> list[str]:
        """The figures, as text."""
        with_state = self.programs - self.states[0]
        two = with_state - self.states[1]
        shown = [
            f"{self.programs} programs, median {median(self.nodes):.0f} nodes, "
            f"at least {min(self.blocks):.1f} blocks long",
            f"with state {self.share(with_state):.0%}, two or more {self.share(two):.0%}, "
            f"with attend {self.share(self.primitives['attend']):.0%}",
        ]
        for title, counts, names in (
            ("classes", self.classes, CLASSES),
            ("statements", self.statements, tuple(sorted(self.statements))),
            ("primitives", self.primitives, wanted()),
        ):
            shares = (f"{n} {self.share(counts[n]):.1%}" for n in names)
            shown.append(f"{title}: {', '.join(shares)}")
        return shown

    def missing(self) -> list[str]:
        """What is drawn too seldom."""
        with_state = self.programs - self.states[0]
        bounds = [
            ("programs with state", with_state, LEAST_STATE),
            ("programs with attend", self.primitives["attend"], LEAST_ATTEND),
            ("programs with two states", with_state - self.states[1], LEAST_TWO),
            *((f"class {c}", self.classes[c], LEAST_CLASS) for c in CLASSES),
            *((f"primitive {p}", self.primitives[p], LEAST_PRIMITIVE) for p in wanted()),
        ]
        wrong = [f"{what}: {self.share(n):.1%}, wanted {least:.0%}"
                 for what, n, least in bounds if self.share(n) < least]  # fmt: skip
        if median(self.nodes) < LEAST_NODES:
            wrong.append(f"the median of nodes is {median(self.nodes)}, wanted {LEAST_NODES}")
        if min(self.blocks) < CHUNKS_LONG:
            wrong.append(f"a sequence has {min(self.blocks)} blocks, wanted {CHUNKS_LONG}")
        return wrong


def wanted() -> tuple[str, ...]:
    """Every primitive that is a node; `form`s are written and become others."""
    return tuple(n for n, p in registry().items() if not p.form and p.kind != "form")


def measure(seeds: Sequence[int], policy: Policy = CAUSAL) -> Distribution:
    """The distribution over the programs of the seeds."""
    found = Distribution()
    for seed in seeds:
        program = draw(random.Random(seed), policy)
        report = check(program.text)
        function = elaborate(program.text, program.op, program.named_sizes)
        flat = flatten(function)
        found.nodes.append(len(flat.nodes()))
        found.blocks.append((3 * program.chunk + 1) / program.chunk)
        found.states[min(len(flat.states), 2)] += 1
        operators = _operators(function) | _operators(flat)
        for op in report.ops.values():  # with symbols for sizes an `if` has both arms
            operators |= _operators(op.facts.function)
        found.primitives.update(operators)
        for name in {r["class"] for op in report.ops.values() for r in op.recurrences}:
            found.classes[name] += 1
        for word in (
            "for ",
            "if ",
            "loss ",
            "attend ",
            "state ",
            "param ",
            "model ",
            "share ",
            "each ",
        ):
            found.statements[word.strip()] += word in program.text
        found.statements["several definitions"] += len(report.ops) > 1
    return found


def _operators(function: Function) -> set[str]:
    """Every operator of a function and of what its nodes hold, initialisers included."""
    own = {n.op for n in function.nodes()}
    for param in function.params:
        own |= {n.op for n in (param.initial, *param.initial.args)}
    for _, inner in function.children():
        own |= _operators(inner)
    return own
