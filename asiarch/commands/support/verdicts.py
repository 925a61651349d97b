"""What a report says of each definition, as lines of text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from asiarch.commands.support.terminal import columns
from asiarch.ir.size import Monomial, Size

if TYPE_CHECKING:
    from asiarch.analysis.report import OpReport

SHOWN = 3  # terms of a bound


def verdict_lines(ops: Mapping[str, OpReport]) -> list[str]:
    """One line per definition: what it reads, its cost, its parameters and its recurrences."""
    return columns([(name, *_cells(op)) for name, op in ops.items()])


def ledger_lines(ops: Mapping[str, OpReport], heading: bool = True) -> list[str]:
    """Every claim with its verdict and what decided it, below its definition's line."""
    out: list[str] = []
    for name, op in ops.items():
        if heading:
            out += verdict_lines({name: op})
        out += columns([(f"  {e.claim}", e.verdict, f"by {e.by}") for e in op.ledger])
    return out


def grade_text(grade: tuple[float, float]) -> str:
    """The interval of offsets that are read: `[-3, 0]`, `(-inf, 0]`."""
    low, high = grade
    left = "(-inf" if math.isinf(low) else f"[{low:g}"
    right = "inf)" if math.isinf(high) else f"{high:g}]"
    return f"{left}, {right}"


def recurrence_text(recurrence: Mapping[str, Any]) -> str:
    return f"{' '.join(recurrence['states'])}: {recurrence['class']}"


def growth(size: Size) -> str:
    """How a size grows in the length: `O(1)`, `O(T)`, `O(T^2)`."""
    degree = size.degree("T")
    return {0: "O(1)", 1: "O(T)"}.get(degree, f"O(T^{degree})")


def bound(size: Size) -> str:
    """The terms that no other outgrows, without their coefficients: `O(H * K * V)`, or `0`."""
    if not size.terms:
        return "0"
    monomials = [m for m, _ in size.terms]
    largest = [m for m in monomials if not any(_outgrows(o, m) for o in monomials)]
    shown = str(Size({m: Fraction(1) for m in largest[:SHOWN]}))
    return f"O({shown}{' + ...' if len(largest) > SHOWN else ''})"


def _outgrows(large: Monomial, small: Monomial) -> bool:
    if large == small:
        return False
    powers, others = dict(large), dict(small)
    return all(powers.get(n, 0) >= others.get(n, 0) for n in {*powers, *others})


def _cells(op: OpReport) -> tuple[str, ...]:
    return (
        f"{'causal' if op.causal else 'NOT causal'} {grade_text(op.grade)}",
        f"work {growth(op.work)}",
        f"state {bound(op.state)}",
        f"params {bound(op.params)}",
        ", ".join(map(recurrence_text, op.recurrences)),
    )
