"""Typed pieces of text, and the typing rules that join them.

A `Term` is an expression with its axes in order, whether it is a stream, and whether it is open
(has no last axis). The builders compute the type of what they print.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Term:
    """`atom`: the text binds tighter than any operator around it. `named`: it is a bound name."""

    text: str
    axes: tuple[str, ...] = ()
    seq: bool = True
    open: bool = False
    atom: bool = True
    named: bool = False

    @property
    def tight(self) -> str:
        return self.text if self.atom else f"({self.text})"

    @property
    def last(self) -> str | None:
        return None if self.open or not self.axes else self.axes[-1]


def number(text: str) -> Term:
    return Term(text, (), seq=False, atom=not text.startswith("-"))


def call(text: str, axes: Sequence[str], seq: bool = True, open: bool = False) -> Term:
    """A call: always atomic."""
    return Term(text, tuple(axes), seq, open)


def same(x: Term, text: str, atom: bool = True) -> Term:
    """An expression of the type of `x`."""
    return replace(x, text=text, atom=atom, named=False)


def product(a: Term, b: Term, symbol: str = "*") -> Term:
    """`a * b` and `a / b` join axes."""
    left, right = set(a.axes), set(b.axes)
    if right <= left:
        axes, open_ = a.axes, left == right and bool(left) and a.last != b.last
    elif left <= right:
        axes, open_ = b.axes, False
    else:
        axes, open_ = a.axes + tuple(x for x in b.axes if x not in left), True
    open_ = open_ or (a.open and not left < right) or (b.open and not right < left)
    return Term(f"{a.tight} {symbol} {b.tight}", axes, a.seq or b.seq, open_, atom=False)


def total(a: Term, b: Term, symbol: str = "+") -> Term:
    """`a + b` of equal axes, or with a Tensor that spreads."""
    long = a if len(a.axes) >= len(b.axes) else b
    equal = set(a.axes) == set(b.axes)
    order = a if equal else long
    text = f"{a.tight} {symbol} {b.tight}"
    return Term(text, order.axes, a.seq or b.seq, order.open, atom=False)


def contracted(a: Term, b: Term, over: Sequence[str]) -> Term:
    """`dot[C](a, b)`."""
    kept = [x for x in a.axes if x not in over]
    more = [x for x in b.axes if x not in a.axes]
    return call(f"dot[{', '.join(over)}]({a.text}, {b.text})", kept + more, a.seq or b.seq)


def at(a: Term, b: Term) -> Term:
    """`a @ b`: the last axis of `a` is contracted."""
    kept = [x for x in a.axes if x != a.last]
    more = [x for x in b.axes if x not in a.axes]
    text = f"{a.tight} @ {b.tight}"
    return Term(text, tuple(kept + more), a.seq or b.seq, atom=False)


def reduced(name: str, over: Sequence[str], x: Term) -> Term:
    kept = [a for a in x.axes if a not in over]
    return call(f"{name}[{', '.join(over)}]({x.text})", kept, x.seq)


def expanded(over: Sequence[str], x: Term) -> Term:
    return call(f"expand[{', '.join(over)}]({x.text})", (*over, *x.axes), x.seq, x.open)


def mapped(
    x: Term, inputs: Sequence[str], outputs: Sequence[str], each: Sequence[str] = ()
) -> Term:
    """`linear[I -> O, each E](x)`."""
    kept = [a for a in x.axes if a not in inputs]
    shared = f", each {', '.join(each)}" if each else ""
    text = f"linear[{', '.join(inputs)} -> {', '.join(outputs)}{shared}]({x.text})"
    return call(text, (*kept, *outputs), x.seq)
