"""Nodes as expressions of a tensor library.

A stream is `[batch, time, *axes]` (in a cell: `[batch, *axes]`).

Layout is decided here and nowhere else: operands are aligned by axis name, with `None` where one is
missing and a permutation where the order differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from asiarch.codegen.spelling import ATOM, Spelling, Text
from asiarch.ir import rules
from asiarch.ir.function import Function
from asiarch.ir.node import Node, topological
from asiarch.ir.primitive import lookup
from asiarch.ir.types import Type

_PRECEDENCE = {"or": 4, "and": 5, "less": 6, "less_equal": 6, "equal": 6, "not_equal": 6,
               "add": 20, "sub": 20, "mul": 30, "div": 30, "pow": 50, "not": 40}  # fmt: skip


_TRUTHS = frozenset({"less", "less_equal", "equal", "not_equal", "and", "or", "not"})
FULL = frozenset({"state", "delay", "window", "cumulative", "attend", "whole", "loop"})
"""What has its leading dimensions in full; what is computed from it has them too."""


@dataclass(slots=True)
class Expressions:
    """Prints nodes of one flat function. `names` holds nodes that are variables by now.

    lead: leading dimensions of a stream (2, or 1 inside a cell). like: a tensor whose dtype and
    device new tensors take. special: printing of what needs more than an expression (calls,
    stateful nodes).
    """

    function: Function
    say: Spelling
    like: str
    lead: int = 2
    names: dict[Node, Text] = field(default_factory=dict[Node, Text])
    special: Callable[[Node], Text] | None = None
    draw_like: str = ""
    integers: bool = False

    @property
    def helpers(self) -> set[str]:
        return self.say.helpers

    # -- sizes -----------------------------------------------------------------------------------

    def size(self, axis: str) -> int:
        value = self.function.axes[axis].integer
        if value is None:
            raise ValueError(f"axis {axis} has no number")
        return value

    def sizes(self, axes: Sequence[str]) -> str:
        numbers = [str(self.size(a)) for a in axes]
        return f"({numbers[0]},)" if len(numbers) == 1 else f"({', '.join(numbers)})"

    def leading(self, kind: Type) -> int:
        return self.lead if kind.stream else 0

    # -- nodes -----------------------------------------------------------------------------------

    def of(self, node: Node) -> Text:
        found = self.names.get(node)
        if found is not None:
            return found
        if node.op in _TRUTHS and not self.integers:
            return self.say.numbers(self._pointwise(node), self.like)
        match node.op:
            case "size" | "const":
                return literal(node)
            case "contract":
                return self._contract(node)
            case "sum" | "amax" | "amin":
                return self._reduce(node)
            case "softmax" | "cumsum" | "topk":
                return self._keep(node)
            case "expand" | "stack" | "pick" | "split" | "merge" | "rename" | "order":
                return self._move(node)
            case "index":
                return self.say.arange(str(self.size(node.type.axes[0])), self.like)
            case "gather":
                return self._gather(node)
            case "draw":
                return self._draw(node)
            case "dropout":
                return self.say.dropout(self.of(node.args[0]), float(node.attr("rate").constant))
            case "anneal":
                return self._anneal(node)
            case _ if lookup(node.op).kind == "pointwise":
                return self._pointwise(node)
            case _:
                if self.special is None:
                    raise ValueError(f"no expression for {node!r}")
                return self.special(node)

    def _pointwise(self, node: Node) -> Text:
        precedence = _PRECEDENCE.get(node.op, ATOM)
        if node.op == "sub" and _zero(node.args[0]):
            return Text(f"-{self.fit(node.args[1], node.type.axes).within(45)}", 40)
        if node.op == "pow":
            base, exponent = (self.fit(a, node.type.axes) for a in node.args)
            if self._all_static(node.args):
                return Text(f"{base.within(51)} ** {exponent.within(50)}", 50)
            return Text(f"{base.within(51)} ** {exponent.within(50)}", 50)
        if node.op in ("maximum", "minimum"):
            return self._extreme(node)
        spelling = lookup(node.op).spelling[self.say.name]
        read = self.truth if node.op in ("and", "or", "not") else self.of
        parts = [self.fitted(read(a), a, node.type.axes) for a in node.args]
        if node.op == "mod" and node.type.positional and not self.integers:
            return self._remainder(node, spelling, parts)
        if precedence == ATOM:
            twice = any(spelling.count(f"{{{i}}}") > 1 for i in range(len(parts)))
            tight = twice or not spelling.rstrip(")").endswith("}")
            texts = [p.atom if tight else p.text for p in parts]
            if node.op == "select":
                chosen = self.fitted(self.truth(node.args[0]), node.args[0], node.type.axes)
                texts = [chosen.text, *self._branches(parts[1:])]
            elif spelling.startswith("torch.") and node.args[0].op in ("size", "const"):
                texts[0] = self.say.number(texts[0], self.like).text
            return Text(spelling.format(*texts))
        if len(parts) == 1:
            return Text(spelling.format(parts[0].within(precedence)), precedence)
        right = precedence + 1  # floats: (a + b) + c is not a + (b + c)
        if node.op in _TRUTHS:
            return Text(spelling.format(*(p.within(ATOM) for p in parts)), precedence)
        return Text(
            spelling.format(parts[0].within(precedence), parts[1].within(right)), precedence
        )

    def _remainder(self, node: Node, spelling: str, parts: Sequence[Text]) -> Text:
        """Of whole numbers in whole numbers: exact, and what the exact ring can read."""
        if not all(map(rules.whole, node.args)):
            return Text(spelling.format(*(p.text for p in parts)))
        plain = [self._all_static([a]) for a in node.args]
        texts = [p.text if s else self.say.whole(p) for p, s in zip(parts, plain, strict=True)]
        return self.say.numbers(Text(spelling.format(*texts)), self.like)

    def _all_static(self, nodes: Sequence[Node]) -> bool:
        return all(n.op in ("size", "const") for n in nodes)

    def _extreme(self, node: Node) -> Text:
        """max or min; of a number as a clamp."""
        x, y = node.args
        if x.op in ("size", "const"):
            x, y = y, x
        if y.op in ("size", "const"):
            side = "min" if node.op == "maximum" else "max"
            return self.say.bounded(self.fit(x, node.type.axes), side, self.of(y).text)
        parts = [self.fit(a, node.type.axes).text for a in (x, y)]
        return Text(lookup(node.op).spelling[self.say.name].format(*parts))

    def truth(self, node: Node) -> Text:
        """The node as a tensor of truth values; everywhere else it is a number, 0 or 1."""
        if node.op in _TRUTHS and (node not in self.names or self.integers):
            return self.of(node) if self.integers else self._pointwise(node)
        return Text(f"{self.of(node).atom} != 0", 6)

    def _branches(self, parts: Sequence[Text]) -> list[str]:
        return [p.text for p in parts]

    # -- alignment -------------------------------------------------------------------------------

    def fit(self, node: Node, axes: tuple[str, ...]) -> Text:
        """The node broadcast against `axes`: permuted, and `None` for each missing axis."""
        return self.fitted(self.of(node), node, axes)

    def fitted(self, text: Text, node: Node, axes: tuple[str, ...]) -> Text:
        """The text of a node, broadcast so."""
        return self.place(text, node.type, axes)

    def place(self, text: Text, kind: Type, axes: tuple[str, ...]) -> Text:
        if kind.axes == axes or (not kind.axes and not kind.stream):
            return text
        present = tuple(a for a in axes if a in kind.axes)
        text = self.permute(text, kind, present)
        marks = [":" if a in kind.axes else "None" for a in axes]
        if not kind.stream:
            while marks and marks[0] == "None":
                marks.pop(0)
        if "None" not in marks:
            return text
        if kind.stream or marks[0] == "None":
            return Text(f"{text.atom}[..., {', '.join(_trim(marks))}]")
        return Text(f"{text.atom}[..., {', '.join(_trim(marks))}]")

    def permute(self, text: Text, kind: Type, axes: tuple[str, ...]) -> Text:
        if kind.axes == axes:
            return text
        if len(axes) >= 2 and axes[:-2] == kind.axes[:-2] and axes[-2:] == kind.axes[:-3:-1]:
            return Text(f"{text.atom}.mT")
        lead = self.leading(kind)
        order = [*range(lead), *(lead + kind.axes.index(a) for a in axes)]
        return self.say.permute(text, order)

    # -- contraction -----------------------------------------------------------------------------

    def _contract(self, node: Node) -> Text:
        over = node.attr("over")
        left, right = node.args
        if not over:
            first, second = (self.fit(a, node.type.axes) for a in (left, right))
            return Text(f"{first.within(30)} * {second.within(31)}", 30)
        product = self._matmul(left, right, over, node.type.axes)
        if product is not None:
            return product
        if left.type.axes == right.type.axes and left.type.axes[-len(over) :] == over:
            inner = f"{self.of(left).within(30)} * {self.of(right).within(31)}"
            return self.say.reduce(Text(inner, 30), "sum", _dims(left.type, over))
        return self._einsum(node)

    def _matmul(
        self, x: Node, weight: Node, over: tuple[str, ...], out: tuple[str, ...]
    ) -> Text | None:
        """A stream's last axes against a Tensor's first (or last): one matrix product."""
        n = len(over)
        if weight.type.stream or not x.type.stream or x.type.axes[-n:] != over:
            return None
        w = weight.type.axes
        if set(x.type.axes[:-n]) & set(w):
            return None
        left = self.of(x).within(31)
        if n > 1:
            left = self.say.flatten(self.of(x), -n).text
        if w[:n] == over:
            rest = w[n:]
            right = self.of(weight)
            if n > 1:
                right = self.say.flatten(right, 0, n - 1)
        elif w[-n:] == over and len(w) == 2 and n == 1:
            rest, right = w[:-1], Text(f"{self.of(weight).atom}.mT")
        else:
            return None
        if out[len(x.type.axes) - n :] != rest:
            return None
        if len(rest) <= 1:
            return Text(f"{left} @ {right.atom}", 30)
        product = Text(f"{left} @ {self.say.flatten(right, 1).text}", 30)
        return self.say.unflatten(product, -1, self.sizes(rest))

    def _einsum(self, node: Node) -> Text:
        lead = "btj"[: self.lead]
        axes = [*node.args[0].type.axes, *node.args[1].type.axes]
        letters = letters_of(axes, max("bt", lead, key=len))

        def names(kind: Type) -> str:
            return (lead if kind.stream else "") + "".join(letters[a] for a in kind.axes)

        sides = ",".join(names(a.type) for a in node.args)
        parts = [self.whole(a) for a in node.args]
        return self.say.einsum(f"{sides}->{names(node.type)}", parts)

    def real(self, node: Node) -> Text:
        """A node where it must have its real shape: numbers and positions become tensors."""
        text = self.of(node)
        if node.op in ("size", "const"):
            return self.say.number(text.text, self.like)
        return text

    def whole(self, node: Node) -> str:
        """The text of `real`, where nothing binds it: an argument, a line."""
        return self.real(node).text

    def filled(self, shape: str, value: Text) -> Text:
        """A tensor of one number, which is written out or a tensor itself."""
        try:
            float(value.text)
        except ValueError:
            return Text(f"{self.say.full(shape, '0', self.like).text} + {value.within(21)}", 20)
        return self.say.full(shape, value.text, self.like)

    def full(self, node: Node) -> bool:
        """Has the node's tensor its leading dimensions in full, and not 1 for a batch or a time?"""
        return any(
            n.op in FULL
            or (n.op == "input" and n.type.stream)
            or (n.op == "call" and n.type.stream and not n.attr("function").polymorphic)
            for n in topological([node])
        )

    def whole_stream(self, node: Node, lead: str) -> str:
        """A stream with its full leading dimensions, as kernels and results want it."""
        text = self.of(node)
        if self.full(node):
            return text.text
        sizes = [f"*{lead}.shape[:{self.lead}]", *["-1"] * len(node.type.axes)]
        return self.say.expand(self.real(node), sizes).text

    # -- axes ------------------------------------------------------------------------------------

    def _reduce(self, node: Node) -> Text:
        x = node.args[0]
        return self.say.reduce(self.of(x), node.op, _dims(x.type, node.attr("over")))

    def _keep(self, node: Node) -> Text:
        x, over = node.args[0], node.attr("over")
        text = self.of(x)
        if len(over) > 1:
            return self._softmax_many(node)
        dim = x.type.axes.index(over[0]) - len(x.type.axes)
        match node.op:
            case "softmax":
                return self.say.softmax(text, dim)
            case "cumsum":
                return Text(f"{text.atom}.cumsum({dim})")
            case _:
                self.helpers.add("keep_top")
                count = int(node.attr("count").integer)
                return Text(f"keep_top({text.text}, {count}, {dim})")

    def _softmax_many(self, node: Node) -> Text:
        x, over = node.args[0], node.attr("over")
        kept = tuple(a for a in x.type.axes if a not in over)
        moved = self.permute(self.of(x), x.type, kept + over)
        flat = self.say.softmax(self.say.flatten(moved, -len(over)), -1)
        apart = self.say.unflatten(flat, -1, self.sizes(over))
        return self.permute(apart, x.type.with_axes(kept + over), x.type.axes)

    def _move(self, node: Node) -> Text:
        x = node.args[0]
        match node.op:
            case "rename":
                return self.of(x)
            case "order":
                return self.permute(self.of(x), x.type, node.type.axes)
            case "expand":
                return self.spread(self.of(x), x.type, node.type.axes)
            case "split":
                dim = x.type.axes.index(node.attr("axis")) - len(x.type.axes)
                return self.say.unflatten(self.of(x), dim, self.sizes(node.attr("parts")))
            case "merge":
                return self.say.flatten(self.of(x), -len(node.attr("parts")))
            case "pick":
                dim = x.type.axes.index(node.attr("axis")) - len(x.type.axes)
                return self.say.select(self.of(x), dim, int(node.attr("index").integer))
            case _:
                return self._stack(node)

    def _stack(self, node: Node) -> Text:
        parts = [self.whole(a) for a in node.args]
        dim = -1 - (len(node.type.axes) - 1)
        mixed = len({a.type.stream for a in node.args}) > 1 or any(
            a.type.stream and not self.full(a) for a in node.args
        )
        return self.say.stack(parts, dim, mixed)

    def spread(self, text: Text, kind: Type, axes: tuple[str, ...]) -> Text:
        """The node with every missing axis at its size."""
        placed = self.place(text, kind, axes)
        if all(a in kind.axes for a in axes):
            return placed
        if not kind.axes and not kind.stream:
            return self.filled(self.sizes(axes), text)
        sizes = [str(self.size(a)) if a not in kind.axes else "-1" for a in axes]
        return self.say.expand(placed, sizes if not kind.stream else ["-1"] * self.lead + sizes)

    def _gather(self, node: Node) -> Text:
        table, ids = node.args
        if ids.type.axes:
            return self._gather_each(node)
        place = table.type.axes.index(node.attr("axis"))
        ids_text = self.of(ids).text
        return self.say.rows_of(self.of(table), place, ids_text, len(table.type.axes))

    def _gather_each(self, node: Node) -> Text:
        """Ids with axes pick from the part of the table that these axes name."""
        table, ids = node.args
        axis, own = node.attr("axis"), ids.type.axes
        rest = tuple(a for a in table.type.axes if a not in (*own, axis))
        ordered = self.permute(self.of(table), table.type, (*own, axis, *rest))
        self.helpers.add("rows_of_each")
        return Text(f"rows_of_each({ordered.text}, {self.of(ids).text}, {len(own)})")

    def _anneal(self, node: Node) -> Text:
        ends: list[str] = []
        for arg in node.args:
            text = self.of(arg) if arg.type.stream else self.real(arg)
            ends.append(self.place(text, arg.type, node.type.axes).text)
        return self.say.anneal(ends, node.attr("length").integer)

    def _draw(self, node: Node) -> Text:
        """A draw for every entry of the parameter that is initialised."""
        which, like = node.attr("which"), self.draw_like
        bounds = [self.fit(a, node.type.axes) for a in node.args]
        if which == "uniform" and any(a.type.axes for a in node.args):
            low, high = bounds
            unit = self.say.draw(which, [Text("0"), Text("1")], like)
            return Text(
                f"{low.within(30)} + ({high.text} - {low.within(31)}) * {unit.within(31)}", 30
            )
        return self.say.draw(which, bounds, like)


def literal(node: Node) -> Text:
    """A number as Python writes it, exact where it is."""
    value = node.attr("value")
    if node.op == "const":
        return Text(repr(value), ATOM if value >= 0 else 40)
    number: Fraction = value.constant
    if number.denominator == 1 and abs(number) < 2**63:  # torch takes no longer integer
        return Text(str(number.numerator), ATOM if number >= 0 else 40)
    return Text(repr(float(number)), ATOM if number >= 0 else 40)


def _zero(node: Node) -> bool:
    return node.op == "size" and node.attr("value").constant == 0


def _trim(marks: list[str]) -> list[str]:
    """`[..., :, None]` is `[..., None]`: leading full slices go."""
    while len(marks) > 1 and marks[0] == ":":
        marks = marks[1:]
    return marks


def _dims(kind: Type, over: Sequence[str]) -> str:
    numbers = sorted(kind.axes.index(a) - len(kind.axes) for a in over)
    return str(numbers[0]) if len(numbers) == 1 else f"({', '.join(map(str, numbers))})"


def letters_of(axes: Sequence[str], reserved: str = "bt") -> Mapping[str, str]:
    """One letter per axis, its own first letter if it can be."""
    out: dict[str, str] = {}
    taken = set(reserved)
    for axis in axes:
        if axis in out:
            continue
        wishes = [c for c in axis.lower() if c.isalpha()] + list("abcdefghijklmnopqrstuvwxyz")
        letter = next(c for c in wishes if c not in taken)
        out[axis] = letter
        taken.add(letter)
    return out
