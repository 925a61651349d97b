"""Expressions of an `attend` body over a block of pairs of tokens, in two layouts.

Inside a body a stream read at t is `[batch, queries, *axes]`, read at j `[batch, keys, *axes]`.
`Pairs` lays out what depends on both as `[batch, *axes, queries, keys]`, so that the score is one
matrix product and pointwise steps. `Spread` takes any operator: everything is
`[batch, queries or 1, keys or 1, *axes]`, a stream of three leading dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from asiarch.codegen.expressions import Expressions, letters_of
from asiarch.codegen.spelling import Text
from asiarch.ir import rules
from asiarch.ir.node import Node, topological
from asiarch.ir.primitive import lookup
from asiarch.ir.types import Type

_LEADS = {"t": "bt", "j": "bj", "tensor": "", "pair": "b"}


@dataclass(slots=True)
class Places(Expressions):
    """Positions are whole numbers; they become floats where an expression wants them."""

    def of(self, node: Node) -> Text:
        if node not in self.names:
            if node.op == "position":
                which = Text(node.attr("which"))
                return which if self.integers else self.say.numbers(which, self.like)
            if not self.integers and _distance(node):
                return self.say.numbers(self.whole_number(node), self.like)
        return Expressions.of(self, node)

    def whole_number(self, node: Node) -> Text:
        """What positions alone decide, in whole numbers."""
        self.integers = True
        text = self.of(node)
        self.integers = False
        return text


def _distance(node: Node) -> bool:
    """t - j and its like: the difference of two positions has more digits than they have."""
    kind = node.type
    return node.op in ("add", "sub") and kind.positional and kind.stream and rules.whole(node)


@dataclass(slots=True)
class Pairs(Places):
    """`layouts` says of each node what it varies with."""

    layouts: dict[Node, str] | None = None
    pairing: bool = False

    def layout(self, node: Node) -> str:
        assert self.layouts is not None
        return self.layouts[node]

    def leading(self, kind: Type) -> int:
        return 2 if kind.stream else 0

    def of(self, node: Node) -> Text:
        if node not in self.names and self.layout(node) == "pair":
            if node.op == "contract":
                return self._pair_contract(node)
            if node.op in ("sum", "amax", "amin"):
                return self._pair_reduce(node)
        return Places.of(self, node)

    def ready(self, node: Node, axes: tuple[str, ...]) -> str:
        """A score, or a value that takes both tokens: [batch, *axes, queries, keys]."""
        if self.layout(node) == "tensor" and not node.type.axes:
            return self.whole(node)
        text = self.of(node)
        if self.layout(node) == "pair" and node.type.axes == axes:
            return text.text
        return self.paired(text, node, axes).text

    def fitted(self, text: Text, node: Node, axes: tuple[str, ...]) -> Text:
        """The node against `[batch, *axes, queries, keys]` when its user depends on both tokens."""
        if not self.pairing:
            return Expressions.fitted(self, text, node, axes)
        return self.paired(text, node, axes)

    def _pointwise(self, node: Node) -> Text:
        before, self.pairing = self.pairing, self.layout(node) == "pair"
        try:
            return Expressions._pointwise(self, node)
        finally:
            self.pairing = before

    def paired(self, text: Text, node: Node, axes: tuple[str, ...]) -> Text:
        layout, kind = self.layout(node), node.type
        if layout == "tensor" and not kind.axes:
            return text
        if node.op == "position":
            return self._position(text, axes)
        present = tuple(a for a in axes if a in kind.axes)
        marks = [":" if a in kind.axes else "None" for a in axes]
        match layout:
            case "pair":
                if present != kind.axes:
                    order = [0, *(1 + kind.axes.index(a) for a in present)]
                    n = len(order)
                    text = self.say.permute(text, [*order, n, n + 1])
                if "None" not in marks:
                    return text
                return Text(f"{text.atom}[:, {', '.join(marks)}, :, :]")
            case "tensor":
                text = self.permute(text, kind, present)
                while marks and marks[0] == "None":
                    marks.pop(0)
                if "None" not in marks:
                    return Text(f"{text.atom}[..., None, None]")
                return Text(f"{text.atom}[{', '.join([*marks, 'None', 'None'])}]")
            case _:
                order = [0, *(2 + kind.axes.index(a) for a in present), 1]
                if order != [0, 1]:
                    text = self.say.permute(text, order)
                ends = ":, None" if layout == "t" else "None, :"
                if "None" not in marks:
                    return Text(f"{text.atom}[..., None]" if layout == "t" else
                                f"{text.atom}[..., None, :]")  # fmt: skip
                return Text(f"{text.atom}[:, {', '.join([*marks, ends])}]")

    def _position(self, text: Text, axes: tuple[str, ...]) -> Text:
        """t is [batch, queries, 1], j [batch, 1, keys]."""
        if not axes:
            return text
        return Text(f"{text.atom}[:, {', '.join(['None'] * len(axes))}]")

    def _pair_contract(self, node: Node) -> Text:
        left, right = node.args
        letters = letters_of([*left.type.axes, *right.type.axes], "btj")

        def names(n: Node) -> str:
            axes = "".join(letters[a] for a in n.type.axes)
            layout = self.layout(n)
            return f"b{axes}tj" if layout == "pair" else _LEADS[layout] + axes

        before, self.pairing = self.pairing, False
        parts = [self.of(a).text for a in node.args]
        self.pairing = before
        out = "b" + "".join(letters[a] for a in node.type.axes) + "tj"
        return self.say.einsum(f"{names(left)},{names(right)}->{out}", parts)

    def _pair_reduce(self, node: Node) -> Text:
        axes = node.args[0].type.axes
        dims = sorted(axes.index(a) - len(axes) - 2 for a in node.attr("over"))
        text = str(dims[0]) if len(dims) == 1 else f"({', '.join(map(str, dims))})"
        return self.say.reduce(self.of(node.args[0]), node.op, text)


@dataclass(slots=True)
class Spread(Places):
    """Any expression of a body; its streams hold their own size-1 dimension for the other token."""

    lead: int = 3

    def ready(self, node: Node, axes: tuple[str, ...]) -> str:
        """[batch, *axes, queries, keys]."""
        if not node.type.axes and not node.type.stream:
            return self.whole(node)
        text = self.place(self.of(node), node.type, axes).atom
        if not node.type.stream:
            return f"{text}[..., None, None]"
        if not axes:
            return text
        return self.say.permute(Text(text), [0, *range(3, 3 + len(axes)), 1, 2]).text


def is_product(roots: Iterable[Node], layouts: dict[Node, str]) -> bool:
    """Can `Pairs` print these: products, sums and pointwise steps on pairs of tokens?"""
    for node in topological(roots):
        if layouts[node] != "pair" or node.is_leaf:
            continue
        if lookup(node.op).kind != "pointwise" and node.op not in _PRINTED:
            return False
    return True


_PRINTED = frozenset({"contract", "sum", "amax", "amin"})
