"""`check`: the report of a file. Never raises for a bad program; executes none for its verdict."""

from __future__ import annotations

import gc
import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from asiarch.analysis import witness
from asiarch.analysis.ledger import Analyses, Entry, Facts
from asiarch.elaborate.program import Elaborator, Named
from asiarch.ir.function import Function
from asiarch.ir.size import Size
from asiarch.language.ast import Span
from asiarch.language.diagnostics import Diagnostic, as_json
from asiarch.language.parser import ParseResult, parse
from asiarch.language.source import Source


@dataclass(slots=True)
class OpReport:
    """What is known of one definition; sizes are polynomials in its names and T."""

    name: str
    causal: bool
    grade: tuple[float, float]
    work: Size
    decode: Size
    state: Size
    params: Size
    activations: Size
    depth: Size
    anchored: bool
    ledger: tuple[Entry, ...]
    bindings: tuple[tuple[str, str, str], ...]
    facts: Facts = field(repr=False)

    @property
    def recurrences(self) -> tuple[dict[str, Any], ...]:
        """Those of the definition and of its blocks, each once: states and class."""
        found: dict[tuple[tuple[str, ...], str], dict[str, Any]] = {}
        for part in self.facts.parts:
            for r in part.recurrences:
                states = tuple(s.name for s in r.states)
                found.setdefault((states, r.cls), {"states": list(states), "class": r.cls})
        return tuple(found.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "causal": self.causal,
            "grade": [_offset(g) for g in self.grade],
            "work": str(self.work),
            "decode": str(self.decode),
            "state": str(self.state),
            "params": str(self.params),
            "depth": str(self.depth),
            "recurrences": list(self.recurrences),
            "ledger": [e.as_json() for e in self.ledger],
        }


def _offset(value: float) -> int | str:
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return int(value)


@dataclass(slots=True)
class Report:
    """ok: no error. ops: the definitions that are right, by name."""

    ok: bool
    diagnostics: tuple[Diagnostic, ...]
    ops: dict[str, OpReport]
    source: Source
    sources: dict[str, Source]

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "diagnostics": [
                as_json(d, self.sources.get(d.file or "", self.source)) for d in self.diagnostics
            ],
            "ops": {name: op.as_json() for name, op in self.ops.items()},
        }


def check(text: str, filename: str = "<text>") -> Report:
    """Verdicts and diagnostics of a program's text."""
    return check_tree(parse(text, filename), filename)


def check_tree(
    result: ParseResult,
    filename: str = "<text>",
    *,
    witnesses: bool = True,
    warnings: bool = True,
) -> Report:
    """The same of a parsed text. `witnesses`: look for values that show a rejection. Without
    `warnings` the errors are the same, in less time.
    """
    with _uncollected():
        return _check(result, filename, witnesses, warnings)


@contextmanager
def _uncollected() -> Generator[None]:
    """No search for cycles of garbage: the limits bound what a check holds, and a search amid it
    finds everything alive.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _check(result: ParseResult, filename: str, witnesses: bool, warnings: bool) -> Report:
    elaborator = Elaborator()
    elaborator.load(result, filename)
    functions = elaborator.check_all(filename)
    analyses = Analyses()
    ops: dict[str, OpReport] = {}
    diagnostics = list(elaborator.diagnostics)
    for name, function in functions.items():
        try:
            facts = analyses.facts(function, warnings=warnings)
        except OverflowError as error:
            diagnostics.append(_too_large(function, error))
            continue
        found = facts.diagnostics
        if witnesses:
            found = [_witnessed(d, elaborator.files, filename, name) for d in found]
        diagnostics += found
        if not any(d.severity == "error" for d in found):
            ops[name] = _op(name, facts)
    unique = {(d.file, d.code, d.span, d.message): d for d in diagnostics}
    order = sorted(unique.values(), key=lambda d: (d.file or "", d.span.start))
    ok = not any(d.severity == "error" for d in order)
    sources = {file: r.source for file, r in elaborator.files.items()}
    return Report(ok, tuple(order), ops, result.source, sources)


def _too_large(function: Function, error: OverflowError) -> Diagnostic:
    named = function.source
    place = named.syntax.name.span if isinstance(named, Named) else Span(0, 0)
    message = f"the cost of `{function.name}` grows too large: {error}"
    return Diagnostic(
        "E0502", message, place, file=named.file if isinstance(named, Named) else None
    )


def _witnessed(
    diagnostic: Diagnostic, files: dict[str, ParseResult], filename: str, op: str
) -> Diagnostic:
    """A rejection of causality with values that show it, or the note that none were found."""
    if diagnostic.code not in ("E0301", "E0303"):
        return diagnostic
    found, draws = witness.find(files, filename, op)
    if found is not None:
        return replace(diagnostic, witness=found)
    note = f"none of {draws} draws shows it by values: the rule is conservative here"
    return replace(diagnostic, note=note if draws else "too large for a witness by values")


def _op(name: str, facts: Facts) -> OpReport:
    cost = facts.cost
    return OpReport(
        name=name,
        causal=facts.causal,
        grade=facts.span,
        work=cost.work,
        decode=cost.decode,
        state=cost.state,
        params=cost.params,
        activations=cost.activations,
        depth=cost.depth,
        anchored=any(g.anchored for g in facts.grades),
        ledger=tuple(facts.entries),
        bindings=facts.function.bindings,
        facts=facts,
    )
