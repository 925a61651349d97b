"""`edit(program, rng)`: one small change of any program, typed: the child checks as its parent did.

An edit replaces the text of one expression or adds a statement; it knows its place, the text before
and the text after, so its inverse is an edit too. Candidates are drawn through the types that the
elaborator gives to expressions, and a child that does not check is drawn anew.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from asiarch.analysis.report import Report, check
from asiarch.fuzz import tree
from asiarch.fuzz.program import Program
from asiarch.language import ast
from asiarch.language.formatter import format
from asiarch.language.parser import parse

TRIES = 200


@dataclass(frozen=True, slots=True)
class Change:
    """`old` stands at offset `start` of the program's text and becomes `new`."""

    kind: str
    start: int
    old: str
    new: str

    def apply(self, text: str) -> str:
        """The changed text. Raises ValueError where `old` does not stand at its place."""
        if not text.startswith(self.old, self.start):
            raise ValueError(f"{self.old!r} does not stand at {self.start}")
        return text[: self.start] + self.new + text[self.start + len(self.old) :]

    @property
    def inverse(self) -> Change:
        return replace(self, old=self.new, new=self.old)


class NoEdit(ValueError):
    """No edit of the wanted kinds fits the program."""


def edit(
    program: Program,
    rng: random.Random,
    *,
    other: Program | None = None,
    kinds: tuple[str, ...] | None = None,
) -> Program:
    """A neighbour of the program. `other`: a mate for `crossover`. Raises NoEdit."""
    return change(program, rng, other=other, kinds=kinds)[0]


def change(
    program: Program,
    rng: random.Random,
    *,
    other: Program | None = None,
    kinds: tuple[str, ...] | None = None,
) -> tuple[Program, Change]:
    """A neighbour of the program, and the change that leads to it (its `inverse` leads back)."""
    known = [k for k in (kinds or tuple(KINDS)) if k != "crossover" or other is not None]
    root = parse(program.text).program
    before = _verdict(check(program.text))
    mate = None if other is None else (other.text, parse(other.text).program)
    for _ in range(TRIES):
        kind = rng.choice(known)
        found = KINDS[kind](Place(program.text, root, rng, mate))
        if found is None:
            continue
        start, old, new = found
        made = Change(kind, start, old, new)
        if old == new:
            continue
        child = replace(program, text=made.apply(program.text))
        if _accepted(child.text, before):
            return child, made
    raise NoEdit(f"none of {TRIES} edits of the kinds {', '.join(known)} fits")


def formatted(program: Program) -> Program:
    """The program in the one layout."""
    return replace(program, text=format(program.text))


def _verdict(report: Report) -> Mapping[str, bool]:
    return {name: op.causal for name, op in report.ops.items()}


def _accepted(text: str, before: Mapping[str, bool]) -> bool:
    """Does it check, and is everything causal that was?"""
    report = check(text)
    if not report.ok or set(report.ops) != set(before):
        return False
    return all(report.ops[name].causal for name, was in before.items() if was)


@dataclass(frozen=True, slots=True)
class Place:
    """What an edit may look at."""

    text: str
    root: ast.Program
    rng: random.Random
    mate: tuple[str, ast.Program] | None

    def piece(self, node: ast.Expr) -> str:
        return tree.piece(self.text, node)

    def one(self, wanted: Callable[[ast.Expr], bool]) -> ast.Expr | None:
        """A random expression of the program."""
        found = [e for e in tree.values(self.root) if wanted(e)]
        return self.rng.choice(found) if found else None


Found = tuple[int, str, str]
KINDS: dict[str, Callable[[Place], Found | None]] = {}


def _kind(
    name: str,
) -> Callable[[Callable[[Place], Found | None]], Callable[[Place], Found | None]]:
    def register(make: Callable[[Place], Found | None]) -> Callable[[Place], Found | None]:
        KINDS[name] = make
        return make

    return register


def _swap(place: Place, e: ast.Expr, new: str) -> Found:
    return e.span.start, place.piece(e), new


def _tight(text: str) -> str:
    return text if re.fullmatch(r"\w+(\[[^\]]*\])?(\(.*\))?|\(.*\)", text) else f"({text})"


GATES = ("sigmoid", "tanh", "silu", "softplus", "relu", "gelu", "l2norm", "abs", "elu1", "relu2")
BOUNDED = ("sigmoid({})", "exp(-softplus({}))", "1 - sigmoid({})", "sigmoid({}) ^ (1 / 8)")


@_kind("activation")
def _activation(place: Place) -> Found | None:
    """Another function of one value where one is called."""
    e = place.one(lambda e: isinstance(e, ast.Call) and e.name.id in GATES and e.brackets is None)
    if not isinstance(e, ast.Call):
        return None
    name = place.rng.choice([g for g in GATES if g != "l2norm"])
    return e.name.span.start, e.name.id, name


@_kind("gate")
def _gate(place: Place) -> Found | None:
    """A decay of another kind around what the gate looks at."""
    e = place.one(
        lambda e: isinstance(e, ast.Call) and e.name.id in ("sigmoid", "exp") and not e.brackets
    )
    if not isinstance(e, ast.Call):
        return None
    inner = place.piece(e.arguments[0].value)
    return _swap(place, e, f"({place.rng.choice(BOUNDED).format(inner)})")


@_kind("read point")
def _read_point(place: Place) -> Found | None:
    """A state read one token earlier, or a delay taken away."""
    states = {s.name.id for s in tree.statements(place.root) if isinstance(s, ast.State)}
    e = place.one(
        lambda e: (
            (isinstance(e, ast.Name) and e.id in states)
            or (isinstance(e, ast.Index) and isinstance(e.base, ast.Name) and e.base.id in states)
        )
    )
    if e is None:
        return None
    if isinstance(e, ast.Index):
        return _swap(place, e, place.piece(e.base))
    return _swap(place, e, f"{place.piece(e)}[t-1]")


@_kind("delay")
def _delay(place: Place) -> Found | None:
    """A stream one to three tokens earlier."""
    e = place.one(lambda e: isinstance(e, ast.Name | ast.Call | ast.Paren))
    return (
        None
        if e is None
        else _swap(place, e, f"{_tight(place.piece(e))}[t-{place.rng.randint(1, 3)}]")
    )


@_kind("undelay")
def _undelay(place: Place) -> Found | None:
    e = place.one(lambda e: isinstance(e, ast.Index))
    return _swap(place, e, place.piece(e.base)) if isinstance(e, ast.Index) else None


@_kind("operator")
def _operator(place: Place) -> Found | None:
    """`+` for `-` and the like."""
    e = place.one(lambda e: isinstance(e, ast.Binary) and e.op in "+-*/")
    if not isinstance(e, ast.Binary):
        return None
    return e.op_span.start, e.op, place.rng.choice([o for o in "+-*" if o != e.op])


@_kind("memory rule")
def _memory_rule(place: Place) -> Found | None:
    """A written value becomes a delta from what the memory holds, or the other way round."""
    writes = [s for s in tree.statements(place.root)
              if isinstance(s, ast.Equation) and isinstance(s.targets[0], ast.Name)
              and f"{s.targets[0].id}[t-1]" in tree.piece(place.text, s.value)]  # fmt: skip
    if not writes:
        return None
    equation = place.rng.choice(writes)
    name = equation.targets[0].id
    text = tree.piece(place.text, equation.value)
    outer = re.search(r"\b(\w+) \* (\w+)$", text)
    if outer is None:
        return None
    key, value = outer[1], outer[2]
    erased = f"{key} * ({value} - {key} @ {name}[t-1])"
    return equation.value.span.start + outer.start(), outer[0], erased


@_kind("wrap")
def _wrap(place: Place) -> Found | None:
    """A norm, an activation or a learnt scale around a value."""
    e = place.one(lambda e: isinstance(e, ast.Name | ast.Call | ast.Paren | ast.Index))
    if e is None:
        return None
    form = place.rng.choice(["tanh({})", "silu({})", "({} * sigmoid({}))", "({} + silu({}))",
                             "conv[4]({})", "cummean[time]({})"])  # fmt: skip
    return _swap(place, e, form.replace("{}", place.piece(e)))


@_kind("norm")
def _norm(place: Place) -> Found | None:
    """A norm along an axis that the program names."""
    e = place.one(lambda e: isinstance(e, ast.Name | ast.Call))
    axes = sorted({a.name.id for d in place.root.definitions for a in d.header})
    if e is None or not axes:
        return None
    name = place.rng.choice(["rmsnorm", "l2norm", "softmax", "layernorm"])
    return _swap(place, e, f"{name}[{place.rng.choice(axes)}]({place.piece(e)})")


@_kind("simplify")
def _simplify(place: Place) -> Found | None:
    """An expression gives way to one of its operands."""
    e = place.one(lambda e: bool(tree.operands(e)) and not isinstance(e, ast.Attend))
    if e is None:
        return None
    return _swap(place, e, _tight(place.piece(place.rng.choice(tree.operands(e)))))


@_kind("splice")
def _splice(place: Place) -> Found | None:
    """An expression of the program in place of another one."""
    e, new = place.one(_any), place.one(_any)
    return None if e is None or new is None else _swap(place, e, _tight(place.piece(new)))


@_kind("crossover")
def _crossover(place: Place) -> Found | None:
    """An expression of another program, over the names of this one."""
    if place.mate is None:
        return None
    text, root = place.mate
    e, found = place.one(_any), [n for n in tree.values(root) if _any(n)]
    if e is None or not found:
        return None
    new = _renamed(tree.piece(text, place.rng.choice(found)), place)
    return _swap(place, e, _tight(new))


def _any(e: ast.Expr) -> bool:
    return not isinstance(e, ast.Number | ast.Attend | ast.Compare)


def _renamed(text: str, place: Place) -> str:
    """The text with names of this program for names that it lacks."""
    own = list(_names(place.root))
    known = {*own, *(a.name.id for d in place.root.definitions for a in d.header), "t", "j", "time"}
    table: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        word = match[0]
        if word in known or (match.end() < len(text) and text[match.end()] in "[("):
            return word
        return table.setdefault(word, place.rng.choice(own)) if own else word

    return re.sub(r"\b[a-z_]\w*\b", name, text)


def _names(root: ast.Program) -> Iterator[str]:
    for definition in root.definitions:
        yield from (f.name.id for f in definition.formals)
    for statement in tree.statements(root):
        if isinstance(statement, ast.Equation):
            yield from (t.id for t in statement.targets)


@_kind("library")
def _library(place: Place) -> Found | None:
    """An operator of the library around a stream of the width `D`."""
    from asiarch.fuzz.motifs import motif

    e = place.one(lambda e: isinstance(e, ast.Name | ast.Call | ast.Index))
    return None if e is None else _swap(place, e, motif(place.rng, place.piece(e)))


@_kind("delete")
def _delete(place: Place) -> Found | None:
    """A statement less."""
    found = [s for s in tree.statements(place.root) if not isinstance(s, ast.Return)]
    if not found:
        return None
    statement = place.rng.choice(found)
    return statement.span.start, tree.piece(place.text, statement), ""
