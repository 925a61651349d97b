"""Tier T0a: is a candidate a program, causal, within its class, and new? No number is computed.

The ledger of the checker decides; an identity tells what was seen. What a candidate shares with
those before it (definitions of the library, forms of unchanged values) is not looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asiarch.analysis.ledger import Facts
from asiarch.ir.size import Size
from asiarch.language.diagnostics import Diagnostic
from asiarch.search.checked import Checker, uncollected
from asiarch.search.identity import Identifier
from asiarch.search.identity.normalise import closed
from asiarch.search.library import Known, is_mixer, literature

if TYPE_CHECKING:
    from asiarch.search.fingerprint import Fingerprint

REASONS = {
    "causal": {"E0301", "E0302", "E0303"},
    "cost": {"E0402", "E0403", "E0404"},
}
"""Reasons of errors; any other is `type`."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Degrees in T that are allowed: of the work of a sequence, of the decode state. `parameters`
    and `state_floats` are bounds at the sizes of the candidate, where those are numbers. `width`:
    the model's `D`, at which the sizes of a header must be whole.
    """

    work: int = 1
    state: int = 0
    parameters: int | None = None
    state_floats: int | None = None
    width: int = 64


def at_width(sizes: Mapping[str, int]) -> dict[str, int]:
    """A candidate's sizes with the width that the hosts give every mixer: rows of a store, and
    designs, leave it out.
    """
    return {"D": Bounds().width, **sizes}


@dataclass(frozen=True, slots=True)
class Verdict:
    """status: new, seen (`known` is the first of its digest), rejected (`reason`: type, causal or
    cost, as jobs have them). `known` of a new one: what of the literature it is, or "". `alike`:
    what behaves like it by its fingerprint, where the screen was asked for that.
    """

    status: str
    digest: str = ""
    reason: str = ""
    said: str = ""
    known: str = ""
    alike: str = ""
    work: Size | None = None
    state: Size | None = None
    parameters: Size | None = None

    @property
    def rediscovery(self) -> bool:
        """Is it new to this search, and known to the literature?"""
        return self.status == "new" and bool(self.known)


@dataclass(slots=True)
class Screen:
    """`sizes`: numbers of headers where a candidate gives none. `seen`: digests, with a name.

    behaviour: take the fingerprint of what is new, which runs the reference.
    """

    bounds: Bounds = field(default_factory=Bounds)
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    known: Known = field(default_factory=literature)
    seen: dict[str, str] = field(default_factory=dict[str, str])
    identifier: Identifier = field(default_factory=Identifier)
    checker: Checker = field(default_factory=Checker)
    behaviour: bool = False
    _prints: list[tuple[str, Fingerprint]] = field(default_factory=list["tuple[str, Fingerprint]"])

    def judge(
        self, text: str, op: str, sizes: Mapping[str, int] | None = None, name: str = ""
    ) -> Verdict:
        """The verdict on a candidate's text; a new one is seen from now on, as `name`."""
        checked = self.checker.check(text)
        if checked.errors:
            return rejected(checked.errors[0])
        function = checked.functions.get(op)
        if function is None or not is_mixer(function):
            return Verdict("rejected", reason="type", said=f"`{op}` is no op (x: Seq[D]) -> Seq[D]")
        header = {n: v for n, v in {**self.sizes, **(sizes or {})}.items() if n in function.header}
        usual = all(self.sizes.get(n) == v for n, v in header.items())
        with uncollected():
            digest = self.identifier.of(function, header).digest
        if digest in self.seen:
            return Verdict("seen", digest, known=self.seen[digest])
        facts = checked.facts[op]
        refused = gate(facts, self.bounds, header)
        if refused is not None:
            return Verdict("rejected", digest, *refused)
        known = self.known.name(function, self.sizes, digest if usual else None)
        called = self.seen[digest] = name or known or digest[:12]
        alike = self._alike(called, text, op, header) if self.behaviour else ""
        cost = facts.cost
        return Verdict("new", digest, known=known, alike=alike, work=cost.work, state=cost.state,
                       parameters=cost.params)  # fmt: skip

    def _alike(self, name: str, text: str, op: str, header: Mapping[str, int]) -> str:
        from asiarch.search.fingerprint import fingerprint

        mine = fingerprint(text, op, header)
        found = next((n for n, other in self._prints if mine.alike(other)), "")
        self._prints.append((name, mine))
        return found


def gate(facts: Facts, bounds: Bounds, header: Mapping[str, int]) -> tuple[str, str] | None:
    """What the ledger of a mixer must say; else a reason, and what is wrong."""
    if not facts.causal:
        return "causal", "a later token is read"
    cost = facts.cost
    numbers = closed(facts.function, {"D": bounds.width} | dict(header))
    for name, size in numbers.items():
        value = size.constant
        if value is not None and (value.denominator != 1 or value < 1):
            return "type", f"`{name}` = {value} at `D` = {bounds.width} is no size"
    for what, size, degree in (
        ("work", cost.work, bounds.work),
        ("decode state", cost.state, bounds.state),
    ):
        if size.degree("T") > degree:
            return "cost", f"the {what} is {size}, more than O(T^{degree})"
    for what, size, bound in (
        ("number of parameters", cost.params, bounds.parameters),
        ("decode state", cost.state, bounds.state_floats),
    ):
        found = None if bound is None else _number(size, numbers)
        if bound is not None and found is not None and found > bound:
            return "cost", f"the {what} is {found}, more than {bound}"
    return None


def _number(size: Size, numbers: Mapping[str, Size]) -> int | None:
    found = size.substitute(dict(numbers)).constant
    return None if found is None else int(found)


def rejected(found: Diagnostic, digest: str = "") -> Verdict:
    """The verdict that an error of the checker is."""
    reason = next((r for r, codes in REASONS.items() if found.code in codes), "type")
    return Verdict("rejected", digest, reason, f"{found.code}: {found.message}")
