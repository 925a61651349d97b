"""What is known before running: sizes, conditions of `if`, delays."""

from __future__ import annotations

import math
from fractions import Fraction

from asiarch.fuzz.surface.frame import Counted, Frame
from asiarch.language import ast


class NotStatic(Exception):
    """An expression whose value only running tells."""


def number(f: Frame, e: ast.Expr) -> Fraction:
    """The value of a static expression; a truth is 1 or 0. Raises NotStatic."""
    match e:
        case ast.Number():
            return Fraction(e.text)
        case ast.Name():
            return _named(f, e.id)
        case ast.Paren():
            return number(f, e.inner)
        case ast.Unary(op="-"):
            return -number(f, e.operand)
        case ast.Unary():
            return Fraction(not number(f, e.operand))
        case ast.Binary():
            return _binary(e.op, number(f, e.left), number(f, e.right))
        case ast.Compare():
            sides = [number(f, x) for x in e.operands]
            return Fraction(all(compare(o, *sides[i : i + 2]) for i, o in enumerate(e.ops)))
        case ast.Call(name=ast.Name(id="round"), arguments=(x, to)):
            step = number(f, to.value)
            return math.floor(number(f, x.value) / step + Fraction(1, 2)) * step
        case _:
            raise NotStatic(type(e).__name__)


def whole(f: Frame, e: ast.Expr) -> int:
    found = number(f, e)
    if found.denominator != 1:
        raise ValueError(f"{found} is no whole number")
    return int(found)


def _named(f: Frame, name: str) -> Fraction:
    match f.names.get(name):
        case Counted() as loop:
            return Fraction(loop.number)
        case None if name in f.numbers:
            return f.numbers[name]
        case None if f.axis(name) in f.extents:
            return Fraction(f.extents[f.axis(name)])
        case _:
            raise NotStatic(name)


def _binary(op: str, a: Fraction, b: Fraction) -> Fraction:
    match op:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / b
        case "%":
            return a - b * math.floor(a / b)
        case "and":
            return Fraction(bool(a) and bool(b))
        case "or":
            return Fraction(bool(a) or bool(b))
        case "^" if b.denominator == 1:
            return a ** int(b)
        case _:
            raise NotStatic(op)


def compare(op: str, a: Fraction, b: Fraction) -> bool:
    match op:
        case "<":
            return a < b
        case "<=":
            return a <= b
        case ">":
            return a > b
        case ">=":
            return a >= b
        case "==":
            return a == b
        case _:
            return a != b
