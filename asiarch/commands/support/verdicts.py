"""What a report says of each definition, as lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asiarch.commands.support.terminal import columns


def verdict_lines(ops: Mapping[str, Any]) -> list[str]:
    """One line per definition: what it reads, its cost, its parameters and its recurrences."""
    return columns([(name, *_cells(op)) for name, op in ops.items()])


def ledger_lines(ops: Mapping[str, Any], heading: bool = True) -> list[str]:
    """Every claim with its verdict and what decided it, below its definition's line."""
    out: list[str] = []
    for name, op in ops.items():
        if heading:
            out += verdict_lines({name: op})
        rows = [
            (f"  {_text(e, 'claim')}", _text(e, "verdict"), f"by {_text(e, 'by')}")
            for e in op.ledger
        ]
        out += columns(rows)
    return out


def grade_text(grade: tuple[float, float]) -> str:
    """The interval of offsets: `[-3, 0]`, `(-inf, 0]`; a value may read no token."""
    low, high = grade
    if low > high:
        return "reads no token"
    left = "(-inf" if low == float("-inf") else f"[{low:g}"
    right = "inf)" if high == float("inf") else f"{high:g}]"
    return f"{left}, {right}"


def _cells(op: Any) -> tuple[str, ...]:
    causal = "causal" if op.causal else "NOT causal"
    return (
        f"{causal} {grade_text(op.grade)}",
        f"work {op.work}",
        f"state {op.state}",
        f"params {op.params}",
        ", ".join(_recurrence(r) for r in op.recurrences),
    )


def _recurrence(recurrence: Any) -> str:
    names = " ".join(_get(recurrence, "states"))
    return f"{names}: {_get(recurrence, 'class')}"


def _text(entry: Any, key: str) -> str:
    return str(_get(entry, key))


def _get(record: Any, key: str) -> Any:
    """A field of a record, or of the mapping that its JSON form is."""
    if isinstance(record, Mapping):
        return record[key]
    return getattr(record, "cls" if key == "class" else key)
