"""A program in another spelling that means the same: the front end must give the same numbers.

`a - b` is `a + -(b)`, `a < b` is `b > a`, `x |> f` is `f(x)`. Operators keep their order, so that
parameters keep their paths. A place where the rule does not fit is left as it is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import TypeAlias, cast

from asiarch.language import ast
from asiarch.language.parser import parse

Text: TypeAlias = Callable[[ast.Expr], str]
MOST = 6
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
_DENIED = {"<": ">=", ">": "<=", "<=": ">", ">=": "<", "==": "!=", "!=": "=="}


def respelled(text: str, rng: random.Random) -> str:
    """The text with up to `MOST` expressions in another form."""
    program = parse(text).program

    def source(e: ast.Expr) -> str:
        return text[e.span.start : e.span.end]

    declared = [s for d in program.definitions for s in d.body if isinstance(s, ast.State)]
    states = {s.name.id for s in declared} - {s.name.id for s in declared if s.initial is not None}
    edits: list[tuple[ast.Span, str]] = []
    for e in _places(program):
        new = _form(e, source, states)
        if new is not None:
            edits.append((e.span, new))
    rng.shuffle(edits)
    chosen: list[tuple[ast.Span, str]] = []
    for span, new in edits:
        if all(span.end <= s.start or s.end <= span.start for s, _ in chosen):
            chosen.append((span, new))
    for span, new in sorted(chosen[:MOST], key=lambda c: -c[0].start):
        text = text[: span.start] + new + text[span.end :]
    return text


def _form(e: ast.Expr, text: Text, states: set[str]) -> str | None:
    match e:
        case ast.Binary(op="-"):
            return f"({text(e.left)} + -({text(e.right)}))"
        case ast.Binary(op="/"):
            return f"({text(e.left)} * (1 / ({text(e.right)})))"
        case ast.Binary(op="and"):
            return f"(not (not ({text(e.left)}) or not ({text(e.right)})))"
        case ast.Binary(op="or"):
            return f"(not (not ({text(e.left)}) and not ({text(e.right)})))"
        case ast.Binary(op="^", left=ast.Name(), right=ast.Number(text="2")):
            return f"({text(e.left)} * {text(e.left)})"
        case ast.Unary(op="-"):
            return f"(0 - ({text(e.operand)}))"
        case ast.Compare(ops=(op,), operands=(a, b)):
            if "(" not in text(a) or "(" not in text(b):  # parameters keep their order
                return f"({text(b)} {_TURNED[op]} {text(a)})"
            return f"(not ({text(a)} {_DENIED[op]} {text(b)}))"
        case ast.Compare(ops=(one, two), operands=(a, b, c)) if "(" not in text(b):
            return f"({text(a)} {one} {text(b)} and {text(b)} {two} {text(c)})"
        case ast.Pipe(arguments=()) if not re.search(rf"\b{e.name.id}\b", text(e.value)):
            # calls of one operator are numbered as they stand, and their parameters with them
            brackets = "" if e.brackets is None else text(cast("ast.Expr", e.brackets))
            return f"{e.name.id}{brackets}({text(e.value)})"
        case ast.Call(name=ast.Name(id="max" | "min" as name), brackets=None):
            other = "min" if name == "max" else "max"
            a, b = (text(x.value) for x in e.arguments)
            return f"(-{other}(-({a}), -({b})))"
        case ast.Call(name=ast.Name(id="select"), arguments=(c, x, ast.Argument(value=y))):
            if isinstance(y, ast.Number) or isinstance(x.value, ast.Number):
                return f"select(not ({text(c.value)}), {text(y)}, {text(x.value)})"
            return None
        case ast.Index(base=ast.Name(id=name)) if name in states:
            return f"({name}[t-1])[t-1]" if text(e) == f"{name}[t-2]" else None
        case _:
            return None


# -- places ----------------------------------------------------------------------------------------


def _places(program: ast.Program) -> Iterator[ast.Expr]:
    """Expressions of values; none of what stands in brackets, which is made of sizes and axes."""
    for definition in program.definitions:
        yield from _statements(definition.body)


def _statements(body: tuple[ast.Statement, ...]) -> Iterator[ast.Expr]:
    for s in body:
        match s:
            case ast.Equation():
                yield from _inside(s.value)
            case ast.Return():
                for value in s.values:
                    yield from _inside(value)
            case ast.For():
                yield from _statements(s.body)
            case ast.If():
                yield from _statements(s.then)
                yield from _statements(s.otherwise)
            case _:
                continue


def _inside(e: ast.Expr) -> Iterator[ast.Expr]:
    yield e
    match e:
        case ast.Paren():
            inner: tuple[ast.Expr, ...] = (e.inner,)
        case ast.Unary():
            inner = (e.operand,)
        case ast.Binary():
            inner = (e.left, e.right)
        case ast.Compare():
            inner = e.operands
        case ast.Call():
            inner = tuple(a.value for a in e.arguments)
        case ast.Pipe():
            inner = (e.value, *(a.value for a in e.arguments))
        case ast.Index():
            inner = (e.base,)
        case ast.Attend():
            inner = (e.condition, *(f.value for f in e.fields if f.name.id in ("score", "value")))
        case _:
            inner = ()
    for x in inner:
        yield from _inside(x)
