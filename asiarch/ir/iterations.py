"""Which iterations of a loop stand for all of them: a billion layers are counted by residues.

It reads the conditions of branches, comparisons of the loop variable and of its remainders. Where
one is of another form, iterations are not told apart.
"""

from __future__ import annotations

import math
from fractions import Fraction

from asiarch.ir.function import Function
from asiarch.ir.size import Size, binary, opaque_parts

ZERO, ONE = Size.of(0), Size.of(1)
COUNTED = 64
"""Loops of at most so many iterations, or periods of a branch, are counted one by one."""


def conditions(function: Function, known: dict[int, tuple[Function, set[Size]]]) -> set[Size]:
    """Conditions of the branches of a function, of their arms and of its calls, in its names."""
    if id(function) in known:
        return known[id(function)][1]
    out: set[Size] = set()
    known[id(function)] = (function, out)
    for node, child in function.children():
        if node.op == "branch":
            out.add(node.attr("condition"))
            out |= conditions(child, known)
        elif node.op == "call":
            sizes = dict(node.attr("sizes"))
            out |= {c.substitute(sizes) for c in conditions(child, known)}
    return out


def iterations(tests: list[Size], variable: str, count: Size) -> list[tuple[int | None, Size]]:
    """Iterations that stand for all (None: any of them), each with how many it stands for.

    `tests` are the conditions that the variable decides.
    """
    if not tests:
        return [(None, count)]
    number = count.integer
    if number is not None and number <= COUNTED:
        return [(n, ONE) for n in range(number)]
    spans = [s for s in (_span(c, variable) for c in tests) if s is not None]
    period, first = math.lcm(*(s[1] for s in spans)), max((s[0] for s in spans), default=0)
    if len(spans) < len(tests) or max(period, first) > COUNTED:
        return [(None, count)]
    truths = [
        tuple(c.substitute({variable: Size.of(n)}).constant for c in tests)
        for n in range(first + period)
    ]
    while first and truths[first - 1] == truths[first - 1 + period]:
        first -= 1
    if first > (1 if number is None else number):
        return [(None, count)]
    groups: dict[object, list[int]] = {}
    for n in range(first, first + period):
        groups.setdefault(truths[n], []).append(n)
    out: list[tuple[int | None, Size]] = [(n, ONE) for n in range(first)]
    rest = count - Size.of(first)
    *others, largest = sorted(groups.values(), key=len)
    for same in others:
        # how many of n, n + period, ... are below the bound
        times = [binary("//", count - Size.of(n - period + 1), Size.of(period)) for n in same]
        every = sum(times, ZERO)
        out.append((same[0], every))
        rest = rest - every
    return [*out, (largest[0], rest)]


def _span(condition: Size, variable: str) -> tuple[int, int] | None:
    """(first, period): from `first` on a comparison repeats. None where that is not known."""
    parts = opaque_parts(condition)
    if parts is None or parts[0] not in ("<", "<=", ">", ">=", "==", "!="):
        return None
    first, period = 1, 1
    for side in parts[1:]:
        for monomial, coefficient in side.terms:
            if coefficient.denominator != 1:
                return None
            if not monomial:
                first += abs(int(coefficient))
                continue
            inner = opaque_parts(Size({monomial: Fraction(1)}))
            if monomial == ((variable, 1),):
                continue
            if inner is None or inner[0] != "%":
                return None
            divisor = inner[2].integer
            if divisor is None or divisor < 1 or not _steps(inner[1], variable):
                return None
            period = math.lcm(period, divisor)
            first += abs(int(coefficient)) * divisor
    return first, period


def _steps(size: Size, variable: str) -> bool:
    """Is it a whole multiple of the variable plus a whole number?"""
    return all(c.denominator == 1 and m in ((), ((variable, 1),)) for m, c in size.terms)
