"""Operators that are ranked: of files and of the library, each under the identity of its IR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from asiarch.analysis.ledger import Facts
from asiarch.fuzz import tree
from asiarch.ir.function import Function
from asiarch.ir.node import Node
from asiarch.language import ast
from asiarch.language.parser import parse
from asiarch.search.analyst.delete import alone
from asiarch.search.archive import niche
from asiarch.search.engineer import Design
from asiarch.search.engineer.design import SIZES
from asiarch.search.library import Entry, called_by, entries, is_mixer
from asiarch.search.researcher import Workshop

PANEL = "panel."
GALLERY = "asi_arch"


class NotRanked(ValueError):
    """An operator that cannot enter; says why and what to do."""


@dataclass(slots=True)
class Entrants:
    """Makes designs; programs are checked once. `origins`: the files of those of files, by id."""

    workshop: Workshop = field(default_factory=Workshop)
    origins: dict[str, str] = field(default_factory=dict[str, str])

    def of_library(self, name: str, sizes: Mapping[str, int] | None = None) -> list[Design]:
        """A mixer by FILE.OP, all of a file by FILE, or the gallery by `asi_arch`.

        Raises NotRanked where the library has none of that name.
        """
        found = [e for e in entries() if name in _names(e)]
        if not found:
            known = ", ".join(sorted({e.name.partition(".")[0] for e in entries() if not e.folder}))
            raise NotRanked(
                f"there is no file {name}, and the library has no mixer of that name; "
                f"it has {GALLERY} and the mixers of {known}"
            )
        return [self.design(e.text, e.op, e.name.removeprefix(PANEL), sizes) for e in found]

    def of_text(
        self, text: str, name: str, op: str = "", sizes: Mapping[str, int] | None = None
    ) -> list[Design]:
        """The mixers of a file that no other operator of it calls, or the one called `op`.

        Raises NotRanked for a program that does not check, and for a file without a mixer.
        """
        checked = self.workshop.checker.check(text)
        if checked.errors:
            said = checked.errors[0].message
            raise NotRanked(f"{name}: {said}; `asiarch check {name}` says more")
        mixers = [n for n, f in checked.functions.items() if is_mixer(f)]
        if op and op not in mixers:
            raise NotRanked(f"{name} has no mixer `{op}`; it has {', '.join(mixers) or 'none'}")
        if not mixers:
            raise NotRanked(
                f"{name} has no mixer: write `op NAME[D](x: Seq[D]) -> Seq[D]`"
                + _others(checked.functions)
            )
        called = _called(parse(text).program)
        chosen = [op] if op else [m for m in mixers if m not in called]
        made = [self.design(alone(text, m), m, m, sizes) for m in chosen]
        for design in made:
            self.origins.setdefault(design.id, name)
        return made

    def design(
        self, text: str, op: str, name: str, sizes: Mapping[str, int] | None = None
    ) -> Design:
        """Raises NotRanked for a text that does not check or an axis without a number."""
        checked = self.workshop.checker.check(text)
        if checked.errors:
            raise NotRanked(f"{name}: {checked.errors[0].message}")
        header = tuple(_sizes(text, op, name, sizes or {}))
        return Design(self.workshop.digest(text, op, header), name, text, op, header)

    def facts(self, design: Design) -> Facts:
        return self.workshop.checker.check(design.text).facts[design.op]

    def convolves(self, design: Design) -> bool:
        """Does it mix neighbouring tokens by itself, before any memory?"""
        return niche(self.facts(design)).conv != "none"


def distinct(designs: Sequence[Design]) -> list[Design]:
    """The first of those that are one operator at the same sizes."""
    known: dict[str, Design] = {}
    for design in designs:
        known.setdefault(design.id, design)
    return list(known.values())


def _names(entry: Entry) -> tuple[str, ...]:
    stem = entry.name.partition(".")[0]
    return (entry.name, stem, f"{PANEL}{entry.name}", entry.folder or stem)


def told_apart(
    designs: Sequence[Design], panel: Sequence[Design], origins: Mapping[str, str]
) -> list[Design]:
    """Names that several designs share get their file, or how their id begins; the panel's stay."""
    taken = Counter(d.name for d in designs)
    known = {d.id for d in panel}
    return [
        d
        if d.id in known or taken[d.name] == 1
        else replace(d, name=f"{d.name} ({origins.get(d.id, d.id[:8])})")
        for d in designs
    ]


def _others(functions: Mapping[str, Function]) -> str:
    """What a file has in place of a mixer."""
    if not functions:
        return "; it defines nothing"
    shown = (
        f"`{name}({', '.join(map(_typed, f.inputs))}) -> {', '.join(map(_typed, f.outputs))}`"
        for name, f in functions.items()
        if f.kind == "op"
    )
    listed = ", ".join(shown)
    return f"; it has {listed}" if listed else "; it has models only"


def _typed(node: Node) -> str:
    return str(node.type)


def _called(program: ast.Program) -> set[str]:
    """What operators call: a model that stacks an operator does not make it a part of another."""
    return {
        name
        for definition in program.definitions
        if definition.kind == "op"
        for node in tree.nodes(definition)
        if (name := called_by(node))
    }


def _sizes(text: str, op: str, name: str, given: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    definition = next(d for d in parse(text).program.definitions if d.name.id == op)
    for entry in definition.header:
        axis = entry.name.id
        if axis == "D":
            continue
        if axis in given:
            yield axis, given[axis]
        elif axis in SIZES:
            yield axis, SIZES[axis]
        elif entry.default is None:
            raise NotRanked(f"{name} leaves the size {axis} open: give one, as in -D {axis}=16")
