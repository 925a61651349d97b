"""What became of a candidate, in a word or two: the same in the table, the details and the page."""

from __future__ import annotations

from asiarch.search.report.data import NULL, Candidate
from asiarch.search.report.figures.failures import REASONS

CLAIM, NOT_HELD, PANEL, AGAIN = "claim", "did not hold", "panel", "null"
SCREENED, TURNED, OPEN = "screened", "turned away", "not measured"
OUTCOMES = (CLAIM, NOT_HELD, SCREENED, PANEL, AGAIN, TURNED, OPEN)


def outcome(candidate: Candidate, *, claims: bool) -> str:
    """One of `OUTCOMES`. claims: whether the protocol allows any."""
    c = candidate
    if c.panel:
        return PANEL
    if c.arm == NULL:
        return AGAIN
    if c.claim and claims:
        return CLAIM
    if c.on_fresh_seeds:
        return NOT_HELD if claims else SCREENED
    if c.reason and c.reason != "effect":
        return TURNED
    return SCREENED if c.overall.known else OPEN


def reason(candidate: Candidate) -> str:
    """Why it was turned away, in words; empty if it was not."""
    c = candidate
    if not c.reason:
        return ""
    said = REASONS.get(c.reason, c.reason)
    where = f" at {c.reached}" if c.reached else ""
    return f"{said}{where}" + (f": {c.message}" if c.message else "")
