"""Texts that were checked, for whoever asks next: a proposer, the screen, the archive."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from asiarch.analysis.ledger import Analyses, Facts
from asiarch.elaborate.known import Memory
from asiarch.elaborate.program import Elaborator
from asiarch.ir.function import Function
from asiarch.language.ast import Span
from asiarch.language.diagnostics import Diagnostic
from asiarch.language.parser import ParseResult, parse
from asiarch.language.pieces import Pieces

FILE = "<candidate>"
NOWHERE = Span(0, 0)
KEPT = 256
SELDOM = (200_000, 50, 100)
"""Of new objects, and of searches of the young and of the middle-aged, before the next search."""
SHARED = 512
"""Texts after which what the analyses hold of functions is dropped."""


@dataclass(frozen=True, slots=True)
class Checked:
    """`facts` is empty where `errors` are of the front end."""

    functions: Mapping[str, Function]
    facts: Mapping[str, Facts]
    errors: tuple[Diagnostic, ...]


@dataclass(slots=True)
class Checker:
    """The errors that `check` gives, without its warnings, witnesses and places.

    Statements that stood in an earlier text are not parsed again, nor are they elaborated again
    where they mean the same.
    """

    pieces: Pieces = field(default_factory=Pieces)
    kept: OrderedDict[str, Checked] = field(default_factory=OrderedDict[str, Checked])
    _memory: Memory = field(default_factory=Memory)
    _analyses: Analyses = field(default_factory=Analyses)
    _known: dict[int, Facts] = field(default_factory=dict[int, Facts])
    _count: int = 0

    def check(self, text: str) -> Checked:
        """The verdict on a text. The last ones are remembered."""
        found = self.kept.get(text)
        if found is None:
            with uncollected():
                found = self.kept[text] = self._checked(text)
            if len(self.kept) > KEPT:
                self.kept.popitem(last=False)
        return found

    def _checked(self, text: str) -> Checked:
        self._count += 1
        if self._count % SHARED == 0:
            self._analyses, self._known = Analyses(), {}
        tree = self.pieces.parse(text, FILE, places=False)
        return self._judged(tree, None if tree.diagnostics else self._memory)

    def _judged(self, tree: ParseResult, memory: Memory | None = None) -> Checked:
        elaborator = Elaborator(memory=memory)
        elaborator.load(tree, FILE)
        functions = elaborator.check_all(FILE)
        errors = [d for d in elaborator.diagnostics if d.severity == "error"]
        if errors:
            return Checked(functions, {}, tuple(errors))
        facts: dict[str, Facts] = {}
        for name, function in functions.items():
            try:
                facts[name] = self._facts(function)
            except OverflowError as error:
                errors.append(Diagnostic("E0502", str(error), NOWHERE, file=FILE))
                continue
            errors += [d for d in facts[name].diagnostics if d.severity == "error"]
        return Checked(functions, facts, tuple(errors))

    def _facts(self, function: Function) -> Facts:
        """The facts of a function, which may be one of an earlier text."""
        found = self._known.get(id(function))
        if found is None:
            found = self._analyses.facts(function, warnings=False)
            self._known[id(function)] = found  # which holds the function
        return found


def placed(text: str) -> dict[str, Function]:
    """Definitions of a text that checks, their nodes with places of the text."""
    elaborator = Elaborator()
    elaborator.load(parse(text, FILE), FILE)
    return elaborator.check_all(FILE)


def seldom_collected() -> None:
    """Search for cycles of garbage seldom from now on, in a process that judges candidates and
    does little else: nearly all that it makes stays alive, and looking through it again and again
    costs a quarter of the time of a verdict.
    """
    gc.set_threshold(*SELDOM)


@contextmanager
def uncollected() -> Generator[None]:
    """No search for cycles of garbage amid a check, which finds everything alive."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
