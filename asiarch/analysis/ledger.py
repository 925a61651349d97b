"""The ledger of one definition: every claim with its verdict and who decided it.

A claim is proved, or refuted, or undecided (an error too: nothing is taken on trust). What is
claimed of an input is required of the caller, and proved at every call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from asiarch.analysis import obligations
from asiarch.analysis.flow import forgotten, unused_names, unused_parameters
from asiarch.analysis.lints import lints
from asiarch.analysis.parts import Part, own, parts
from asiarch.analysis.paths import refused
from asiarch.analysis.stability import stable
from asiarch.elaborate.program import Named
from asiarch.ir.domains.cost import Cost, Costs
from asiarch.ir.domains.grade import Grade, Grades
from asiarch.ir.domains.ranges import ranges
from asiarch.ir.function import ClaimInfo, Function
from asiarch.ir.growth import within
from asiarch.ir.interpreter import Frame
from asiarch.ir.interval import Range
from asiarch.ir.recurrence import Recurrence
from asiarch.ir.size import Size
from asiarch.language.ast import Span
from asiarch.language.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True)
class Entry:
    """verdict: proved, refuted, undecided, required (of the caller), inferred."""

    claim: str
    verdict: str
    by: str

    def as_json(self) -> dict[str, str]:
        return {"claim": self.claim, "verdict": self.verdict, "by": self.by}


@dataclass(slots=True)
class Facts:
    """What the analyses found of one function; made once, read by ledger, report and `show`.

    Ranges and recurrences are looked for when first asked for: most verdicts need neither.
    """

    function: Function
    grades: list[Grade]
    grade_frame: Frame
    cost: Cost
    entries: list[Entry] = field(default_factory=list[Entry])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])
    _ranges: Frame | None = None
    _parts: tuple[list[Part], bool] | None = None

    @property
    def range_frame(self) -> Frame:
        if self._ranges is None:
            self._ranges = ranges(self.function)
        return self._ranges

    @property
    def parts(self) -> list[Part]:
        return self._split()[0]

    @property
    def complete(self) -> bool:
        """Do the parts hold every state?"""
        return self._split()[1]

    def _split(self) -> tuple[list[Part], bool]:
        if self._parts is None:
            self._parts = parts(self.function)
        return self._parts

    @property
    def flat(self) -> Function | None:
        """The definition's own flat form, loops kept; None where it would grow too large."""
        if self.parts or not self.complete:
            return self.parts[0].function if self.parts else None
        return own(self.function)

    @property
    def recurrences(self) -> list[Recurrence]:
        """Those of the definition's own flat form."""
        return self.parts[0].recurrences if self.parts else []

    @property
    def span(self) -> tuple[float, float]:
        """The grade of the whole definition: the hull over its results."""
        spans = [g.span for g in self.grades]
        return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else (0, 0)

    @property
    def causal(self) -> bool:
        return self.span[1] <= 0 and not any(g.whole for g in self.grades)


@dataclass(slots=True)
class Analyses:
    """Domains with their summaries, shared by the definitions of one check."""

    grades: Grades = field(default_factory=Grades)
    costs: Costs = field(default_factory=Costs)

    def facts(self, function: Function, *, warnings: bool = True) -> Facts:
        """Every claim decided. Without `warnings` the errors are the same, in less time."""
        frame, outputs = self.grades.frame(function)
        facts = Facts(function, outputs, frame, self.costs.summary(function))
        for claim in function.claims:
            _decide(facts, claim)
        wrong = obligations.places(function) or obligations.cycles(function, self.grades)
        facts.diagnostics += wrong
        if obligations.requires(function):
            _requirements(facts)
        _infer(facts)
        if warnings:
            _warn(facts)
            _ = facts.parts  # what is too large is said here
        return facts


# -- claims ----------------------------------------------------------------------------------------


def _decide(facts: Facts, claim: ClaimInfo) -> None:
    match claim.kind:
        case "causal":
            _causal(facts, claim)
        case "lookahead":
            _lookahead(facts, claim)
        case "stable":
            _stable(facts, claim)
        case "work" | "state":
            _growth(facts, claim)
        case "params":
            _params(facts, claim)
        case _:
            _range(facts, claim)


def _refuse(facts: Facts, claim: ClaimInfo, code: str, message: str, by: str, **more: Any) -> None:
    verdict = "undecided" if code in ("E0405", "E0407") else "refuted"
    facts.entries.append(Entry(claim.text, verdict, by))
    facts.diagnostics.append(Diagnostic(code, message, claim.at, file=_file(facts), **more))


def _file(facts: Facts) -> str | None:
    return obligations.file_of(facts.function)


def _causal(facts: Facts, claim: ClaimInfo) -> None:
    if facts.causal:
        facts.entries.append(Entry(claim.text, "proved", "intervals"))
        return
    facts.entries.append(Entry(claim.text, "refuted", "intervals"))
    facts.diagnostics.append(refused(facts.function, facts.grades, claim))


def _lookahead(facts: Facts, claim: ClaimInfo) -> None:
    high = facts.span[1]
    if high <= claim.data and not any(g.whole for g in facts.grades):
        facts.entries.append(Entry(claim.text, "proved", "intervals"))
        return
    found = "without bound" if math.isinf(high) else f"{int(high)} tokens"
    _refuse(
        facts, claim, "E0303", f"`{claim.text}`, but the program looks ahead {found}", "intervals"
    )


def _stable(facts: Facts, claim: ClaimInfo) -> None:
    why = "" if facts.complete else "a loop on a state's cycle, or a program too large"
    for part in facts.parts:
        frame = ranges(part.function) if part.recurrences else None
        for found in part.recurrences:
            assert frame is not None
            proved, reason = stable(part.function, frame, found)
            why = why or ("" if proved else reason)
    if not why:
        facts.entries.append(Entry(claim.text, "proved", "normal form and ranges"))
        return
    help = ("stable is proved for a decay in [-1, 1] with a delta rule of unit key and rate "
            "in [0, 2]; drop the claim otherwise")  # fmt: skip
    _refuse(facts, claim, "E0405", f"`stable` cannot be decided: {why}", "normal form", help=help)


def _growth(facts: Facts, claim: ClaimInfo) -> None:
    cost: Size = getattr(facts.cost, claim.kind)
    if within(cost, claim.data, facts.function):
        facts.entries.append(Entry(claim.text, "proved", f"polynomial {_leading(cost, facts)}"))
        return
    code = "E0402" if claim.kind == "work" else "E0403"
    what = "the work" if claim.kind == "work" else "the decode state"
    _refuse(facts, claim, code, f"{what} is {cost}, which outgrows `{claim.text}`", "polynomial")


def _leading(cost: Size, facts: Facts) -> str:
    degree = cost.degree("T")
    terms = [t for t in cost.terms if dict(t[0]).get("T", 0) == degree]
    return str(Size(dict(terms[:3]))) + (" + ..." if len(cost.terms) > 3 else "")


def _params(facts: Facts, claim: ClaimInfo) -> None:
    count, bound = facts.cost.params, claim.data
    named: dict[str, Size] = {}
    for name, size in facts.function.defaults.items():
        named[name] = size
    gap = bound - count
    for _ in range(6):
        gap = gap.substitute(named)
    value = gap.constant
    if value is not None and value >= 0:
        facts.entries.append(Entry(claim.text, "proved", f"counted {count}"))
        return
    if value is None and all(c >= 0 for _, c in gap.terms):
        facts.entries.append(Entry(claim.text, "proved", f"counted {count}"))
        return
    if value is None:
        message = f"`{claim.text}` cannot be decided: there are {count} parameters"
        help = "give the sizes defaults, or bound by an expression of them"
        _refuse(facts, claim, "E0407", message, "polynomial", help=help)
        return
    _refuse(
        facts, claim, "E0404", f"there are {count} parameters, more than `{claim.text}`", "counted"
    )


def _range(facts: Facts, claim: ClaimInfo) -> None:
    node, low, high, low_open, high_open = claim.data
    if node.op == "input":
        facts.entries.append(Entry(claim.text, "required", "proved at every call"))
        return
    found: Range = facts.range_frame.values.get(node, Range())
    if found.inside(low, high, low_open, high_open):
        facts.entries.append(Entry(claim.text, "proved", f"range {found}"))
        return
    if found.apart(low, high):
        _refuse(facts, claim, "E0406", f"`{claim.text}`, but its values are in {found}", "ranges")
        return
    _refuse(facts, claim, "E0407", f"`{claim.text}` cannot be decided: its values are in {found}",
            "ranges", help="a parameter may become any real number in training; bound it with "
            "`sigmoid`, `exp(-softplus(...))`, `clamp`")  # fmt: skip


# -- what callees require --------------------------------------------------------------------------


def _requirements(facts: Facts) -> None:
    """Ranges claimed of a callee's inputs are proved where it is called."""
    for required in facts.range_frame.domain.required.values():
        if not obligations.own(facts.function, required):
            continue
        if required.holds:
            text = f"{required.callee.name} requires {required.claim.text}"
            facts.entries.append(Entry(text, "proved", f"range {required.found}"))
        else:
            facts.diagnostics.append(obligations.unmet(facts.function, required))


# -- inferred --------------------------------------------------------------------------------------


def _infer(facts: Facts) -> None:
    claimed = {c.kind for c in facts.function.claims}
    if "causal" not in claimed and "lookahead" not in claimed:
        text = "causal" if facts.causal else f"looks ahead {_ahead(facts.span[1])}"
        facts.entries.append(Entry(text, "inferred", "intervals"))
    for kind in ("work", "state"):
        if kind not in claimed:
            degree = getattr(facts.cost, kind).degree("T")
            growth = {0: "O(1)", 1: "O(T)"}.get(degree, f"O(T^{degree})")
            facts.entries.append(Entry(f"{kind} {growth} in T", "inferred", "polynomial"))


def _warn(facts: Facts) -> None:
    function = facts.function
    for path in unused_parameters(function):
        facts.diagnostics.append(_warning(facts, "W0101", f"parameter `{path}` reaches no result"))
    for name in unused_names(function):
        span = function.spans.get(function.names[name])
        message = f"`{name}` reaches no result"
        facts.diagnostics.append(_warning(facts, "W0102", message, span))
    for name, node in forgotten(function):
        message = f"`{name}` remembers nothing: no result depends on `{name}[t-1]`"
        facts.diagnostics.append(_warning(facts, "W0105", message, function.spans.get(node)))
    for code, message, node in lints(function, facts.range_frame.values):
        span = function.spans.get(node)
        if span is not None:
            facts.diagnostics.append(_warning(facts, code, message, span))


def _ahead(high: float) -> str:
    return "without bound" if math.isinf(high) else f"{int(high)} tokens"


def _warning(facts: Facts, code: str, message: str, span: Span | None = None) -> Diagnostic:
    named = facts.function.source
    place = span or (named.syntax.name.span if isinstance(named, Named) else Span(0, 0))
    return Diagnostic(code, message, place, severity="warning", file=_file(facts))
