"""What a program itself says: its ledger and its sizes, its code, its picture.

A program that the compiler refuses has none of them, and that is no error of a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from asiarch import interface
from asiarch.analysis.report import check
from asiarch.draw import graph_svg
from asiarch.language.diagnostics import SpecError
from asiarch.search.archive.niche import niche
from asiarch.search.screen import at_width

REFUSED = (SpecError, interface.SizeError, interface.BackendError, ValueError)


@dataclass(frozen=True, slots=True)
class Facts:
    """Claims with verdicts, and what the compiler counts, as texts."""

    ledger: tuple[tuple[str, str, str], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    niche: Mapping[str, str] = field(default_factory=dict[str, str])


def facts(text: str, op: str) -> Facts:
    found = check(text).ops.get(op)
    if found is None:
        return Facts()
    known = found.facts
    classes = ", ".join(sorted({r.cls for r in known.recurrences}))
    cost = known.cost
    shown = {
        "work": str(cost.work), "decode state": str(cost.state), "parameters by size":
        str(cost.params), "recurrence": classes,
    }  # fmt: skip
    return Facts(
        tuple((e.claim, e.verdict, e.by) for e in known.entries),
        tuple((k, v) for k, v in shown.items() if v and v != "0"),
        asdict(niche(known)),
    )


def code(text: str, op: str, sizes: Mapping[str, int]) -> str:
    """The forward form of the emitted module; empty if there is none."""
    try:
        return interface.emit(text, op, at_width(sizes), bare=True)
    except REFUSED:
        return ""


def picture(text: str, op: str, sizes: Mapping[str, int]) -> str:
    """The graph of its equations; empty if there is none."""
    try:
        return graph_svg(interface.elaborate(text, op, at_width(sizes)))
    except REFUSED:
        return ""
