"""Tier T0a: is a candidate a program, causal, within its class, and new? No number is computed.

The ledger of the checker decides; an identity tells what was seen. What a candidate shares with
those before it (definitions of the library, forms of unchanged values) is not looked at again.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass, field

from asiarch.analysis.ledger import Analyses, Facts
from asiarch.elaborate.program import Elaborator
from asiarch.ir.function import Function
from asiarch.ir.size import Size
from asiarch.language.diagnostics import Diagnostic
from asiarch.language.parser import parse
from asiarch.search.identity import Identifier
from asiarch.search.identity.normalise import closed
from asiarch.search.library import Known, is_mixer, literature

FILE = "<candidate>"
REASONS = {
    "causal": {"E0301", "E0302", "E0303"},
    "cost": {"E0402", "E0403", "E0404"},
}
"""Reasons of errors; any other is `type`."""
SHARED = 512
"""Candidates after which what the analyses hold of functions is dropped."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Degrees in T that are allowed: of the work of a sequence, of the decode state. `parameters`
    and `state_floats` are bounds at the sizes of the candidate, where those are numbers.
    """

    work: int = 1
    state: int = 0
    parameters: int | None = None
    state_floats: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """status: new, seen (`known` is the first of its digest), rejected (`reason`: type, causal or
    cost, as jobs have them). `known` of a new one: what of the literature it is, or "".
    """

    status: str
    digest: str = ""
    reason: str = ""
    said: str = ""
    known: str = ""
    work: Size | None = None
    state: Size | None = None
    parameters: Size | None = None

    @property
    def rediscovery(self) -> bool:
        """Is it new to this search, and known to the literature?"""
        return self.status == "new" and bool(self.known)


@dataclass(slots=True)
class Screen:
    """`sizes`: numbers of headers where a candidate gives none. `seen`: digests, with a name."""

    bounds: Bounds = field(default_factory=Bounds)
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    known: Known = field(default_factory=literature)
    seen: dict[str, str] = field(default_factory=dict[str, str])
    identifier: Identifier = field(default_factory=Identifier)
    _analyses: Analyses = field(default_factory=Analyses)
    _judged: int = 0

    def judge(
        self, text: str, op: str, sizes: Mapping[str, int] | None = None, name: str = ""
    ) -> Verdict:
        """The verdict on a candidate's text; a new one is seen from now on, as `name`."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self._judge(text, op, sizes or {}, name)
        finally:
            if collecting:
                gc.enable()

    def _judge(self, text: str, op: str, sizes: Mapping[str, int], name: str) -> Verdict:
        functions, errors = elaborated(text)
        if errors:
            return rejected(errors[0])
        function = functions.get(op)
        if function is None or not is_mixer(function):
            return Verdict("rejected", reason="type", said=f"`{op}` is no op (x: Seq[D]) -> Seq[D]")
        header = {n: v for n, v in {**self.sizes, **sizes}.items() if n in function.header}
        identity = self.identifier.of(function, header)
        if identity.digest in self.seen:
            return Verdict("seen", identity.digest, known=self.seen[identity.digest])
        self._judged += 1
        if self._judged % SHARED == 0:
            self._analyses = Analyses()
        for each in functions.values():
            facts = self._facts(each)
            wrong = [d for d in facts.diagnostics if d.severity == "error"]
            if wrong:
                return rejected(wrong[0], identity.digest)
            if each is function:
                verdict = self._gate(facts, identity.digest, header)
                if verdict is not None:
                    return verdict
        facts = self._facts(function)
        known = self.known.name(function, self.sizes)
        self.seen[identity.digest] = name or known or identity.digest[:12]
        cost = facts.cost
        return Verdict("new", identity.digest, known=known, work=cost.work, state=cost.state,
                       parameters=cost.params)  # fmt: skip

    def _facts(self, function: Function) -> Facts:
        return self._analyses.facts(function, warnings=False)

    def _gate(self, facts: Facts, digest: str, header: Mapping[str, int]) -> Verdict | None:
        """What the ledger of the mixer itself must say."""
        if not facts.causal:
            return Verdict("rejected", digest, "causal", "it does not claim what it is: causal")
        bounds, cost = self.bounds, facts.cost
        numbers = closed(facts.function, header)
        checks = (
            ("work", cost.work.degree("T"), bounds.work, f"O(T^{bounds.work})"),
            ("decode state", cost.state.degree("T"), bounds.state, f"O(T^{bounds.state})"),
            ("number of parameters", _number(cost.params, numbers), bounds.parameters, ""),
            ("decode state", _number(cost.state, numbers), bounds.state_floats, ""),
        )
        for what, found, bound, shown in checks:
            if bound is not None and found is not None and found > bound:
                size = cost.work if what == "work" else cost.state
                said = f"the {what} is {size if shown else found}, more than {shown or bound}"
                return Verdict("rejected", digest, "cost", said)
        return None


def _number(size: Size, numbers: Mapping[str, Size]) -> int | None:
    found = size.substitute(dict(numbers)).constant
    return None if found is None else int(found)


def elaborated(text: str) -> tuple[dict[str, Function], list[Diagnostic]]:
    """Definitions of a text by name, and its errors."""
    elaborator = Elaborator()
    elaborator.load(parse(text, FILE), FILE)
    functions = elaborator.check_all(FILE)
    return functions, [d for d in elaborator.diagnostics if d.severity == "error"]


def rejected(found: Diagnostic, digest: str = "") -> Verdict:
    """The verdict that an error of the checker is."""
    reason = next((r for r, codes in REASONS.items() if found.code in codes), "type")
    return Verdict("rejected", digest, reason, f"{found.code}: {found.message}")
