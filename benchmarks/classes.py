"""The class of every core of the tests: its states, and the kernel or the loop that computes each.

    python benchmarks/classes.py

A row for each state; with `coupled`, one for all of them. The kernel is the one that the plan
calls for a read of the state, with the side that is read where that is not the keys.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from asiarch.codegen.kernel_calls import micros
from asiarch.codegen.plan import Kernel, make_plan
from asiarch.ir.recurrence import Recurrence
from tests.laws.classes import CLASSES
from tests.laws.programs import CORES, MIXERS, Program, flat

HEAD = ("program", "states", "class", "runs as")


def kernel(step: Kernel) -> str:
    """The folder of a kernel, and what is special about the call."""
    found = step.recurrence
    side = step.read.side if step.read is not None else "keys"
    if found.coupled is not None:
        return f"coupled, {len(found.coupled.rows)} row(s) a token"
    base = found.cls.partition("+")[0]
    if side == "whole":
        return "elementwise (vector), whole states"
    steps = micros(found)
    rank = "_rank1" if any(s.erase is not None for s in steps) else ""
    parts = [base + rank]
    parts += [f"{len(steps)} steps a token"] if len(steps) > 1 else []
    parts += ["read along values"] if side == "values" else []
    return ", ".join(parts)


def rows(program: Program) -> list[tuple[str, ...]]:
    plan = make_plan(flat(program))
    out: list[tuple[str, ...]] = []
    for found in plan.recurrences:
        names = ", ".join(s.name for s in found.states)
        out.append((program.op, names, found.cls, runs(plan.steps, found)))
    return out


def runs(steps: Sequence[object], found: Recurrence) -> str:
    if not found.kernel:
        return f"token loop: {found.note}"
    mine = [s for s in steps if isinstance(s, Kernel)]
    calls = [kernel(s) for s in mine if s.recurrence.states == found.states]
    return "; ".join(dict.fromkeys(calls))


def main() -> None:
    programs = [*CORES, *CLASSES, *(p for p in MIXERS if "attend" not in p.text)]
    table = [HEAD, *(r for p in programs for r in rows(p))]
    widths = [max(len(r[i]) for r in table) for i in range(len(HEAD))]
    for index, row in enumerate(table):
        line = "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True))
        print(line.rstrip())
        if index == 0:
            print("  ".join("-" * w for w in widths))


if __name__ == "__main__":
    main()
