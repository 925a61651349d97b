"""A program as edits see it: which values stand where, of which type, and which names are known
there.

Values within loops, branches and `attend` are left alone: what binds them lies elsewhere.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asiarch.fuzz import tree
from asiarch.fuzz.draw import Draw
from asiarch.fuzz.policy import Policy
from asiarch.fuzz.term import Term
from asiarch.ir.function import Function
from asiarch.language import ast
from asiarch.language.parser import parse

DRAWN = Policy(
    "search",
    weights={
        "truth": 0, "place": 0, "split": 0, "merge": 0, "rename": 0, "stack": 0, "window": 0.2,
        "quotient": 0.2, "power": 0, "extreme": 0.2, "select": 0, "guarded": 0, "linear": 3.0,
        "conv": 1.5,
    },
)  # fmt: skip
"""Expressions that the generator draws for the search: smooth functions, maps, short reads."""
NEVER = frozenset({"floor", "step", "sign", "dropout", "anneal", "erf"})


@dataclass(frozen=True, slots=True)
class Value:
    """An expression of a body, with its type. `statement` is the one of the body that holds it."""

    expr: ast.Expr
    term: Term
    statement: ast.Statement
    definition: ast.Definition

    @property
    def axes(self) -> tuple[str, ...]:
        return self.term.axes


class Place:
    """A checked program, read once; a draw of edits asks it again and again."""

    def __init__(self, text: str, functions: Mapping[str, Function], op: str) -> None:
        self.text, self.op = text, op
        self.root = parse(text).program
        self.functions = functions
        self.words = set(re.findall(r"\w+", text))
        self.values = [v for d in self.definitions() for v in self._values(d)]

    def definitions(self) -> Iterator[ast.Definition]:
        for definition in self.root.definitions:
            if definition.name.id in self.functions:
                yield definition

    @property
    def main(self) -> ast.Definition:
        return next(d for d in self.root.definitions if d.name.id == self.op)

    def piece(self, node: Any) -> str:
        return tree.piece(self.text, node)

    # -- types -------------------------------------------------------------------------------------

    def _values(self, definition: ast.Definition) -> Iterator[Value]:
        function = self.functions[definition.name.id]
        nodes = {(s.start, s.end): n for n, s in function.spans.items()}
        for statement in definition.body:
            if not isinstance(statement, ast.Equation | ast.Return):
                continue
            names = {t.text: t for t in self.names(definition, statement)}
            roots = statement.values if isinstance(statement, ast.Return) else (statement.value,)
            for expr in _below(roots):
                term: Term | None = None
                if isinstance(expr, ast.Name):
                    term = names.get(expr.id)
                else:
                    node = nodes.get((expr.span.start, expr.span.end))
                    if node is not None and not node.type.positional:
                        kind = node.type
                        term = Term(self.piece(expr), kind.axes, kind.stream, kind.open,
                                    isinstance(expr, ast.Paren | ast.Call | ast.Index))  # fmt: skip
                if term is not None:
                    yield Value(expr, term, statement, definition)

    def names(self, definition: ast.Definition, before: ast.Statement) -> list[Term]:
        """Names that may be read in a statement, those bound last at the end."""
        function = self.functions[definition.name.id]
        found: dict[str, Term] = {}
        for formal in definition.formals:
            leaf = function.inputs[function.input_names.index(formal.name.id)]
            found[formal.name.id] = Term(
                formal.name.id, leaf.type.axes, leaf.type.stream, named=True
            )
        for statement in definition.body:
            if statement is before:
                break
            for name, seq in _binds(statement):
                node = function.names.get(name)
                if node is not None and not node.type.boolean:
                    found.pop(name, None)
                    found[name] = Term(name, node.type.axes, seq and node.type.stream,
                                       node.type.open, named=True)  # fmt: skip
        return list(found.values())

    def axes(self, definition: ast.Definition) -> tuple[str, ...]:
        """Header axes of a definition, in order."""
        function = self.functions[definition.name.id]
        return tuple(h.name.id for h in definition.header if h.name.id in function.axes)

    # -- choices -----------------------------------------------------------------------------------

    def one(self, rng: random.Random, wanted: Callable[[Value], bool]) -> Value | None:
        found = [v for v in self.values if wanted(v)]
        return rng.choice(found) if found else None

    def fresh(self, stem: str) -> str:
        """A name that the text does not have."""
        number = 1
        while f"{stem}{number}" in self.words:
            number += 1
        return f"{stem}{number}"

    def drawing(self, value: Value, rng: random.Random) -> Draw:
        """The generator, before a statement: what it writes goes there, what it names is new."""
        used = self.axes(value.definition)
        draw = Draw(
            rng, DRAWN, dict.fromkeys(used, 2), self.names(value.definition, value.statement)
        )
        draw.inner = 1
        taken = [int(n) for n in re.findall(r"[a-zA-Z](\d+)", self.text) if len(n) < 6]
        draw.count = max(taken, default=0)
        return draw


def _below(roots: Sequence[ast.Expr]) -> Iterator[ast.Expr]:
    for root in roots:
        yield root
        if not isinstance(root, ast.Attend):
            yield from _below(tree.operands(root))


def _binds(statement: ast.Statement) -> Iterator[tuple[str, bool]]:
    """Names that a statement binds, and whether they may be streams."""
    match statement:
        case ast.Equation():
            yield from ((t.id, True) for t in statement.targets)
        case ast.Param():
            yield statement.name.id, False
        case _:
            return


def stream_of(names: Sequence[Term], axes: Sequence[str] | None = None) -> list[Term]:
    """Streams among names; with those axes."""
    return [t for t in names if t.seq and not t.open and (axes is None or set(t.axes) == set(axes))]
