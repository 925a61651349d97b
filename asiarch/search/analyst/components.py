"""The parts of a mixer that have a neutral element, found in its syntax tree.

A component is what a literature would name: a gate, a decay, a convolution, an erase term, a norm,
a read before the write, a token shift, an activation, a position code, a branch of a sum. Here
stands where each is and what is written in its place; whether the rest is still a program is asked
in `delete.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from asiarch.fuzz import tree
from asiarch.language import ast

CONVOLUTIONS = ("conv", "fir")
NORMS = ("rmsnorm", "layernorm", "l2norm")
GATES = ("sigmoid", "silu", "swish", "tanh", "softplus", "exp", "relu", "gelu")
ACTIVATIONS = ("silu", "swish", "elu1", "relu", "relu2", "gelu", "tanh", "square", "elu")
POSITIONS = ("rope",)
NEUTRAL = {
    "gate": "1",
    "decay": "1",
    "conv": "identity",
    "erase": "nothing erased",
    "norm": "identity",
    "normaliser": "1",
    "read point": "after the write",
    "shift": "the token itself",
    "activation": "identity",
    "position": "identity",
    "branch": "0",
}


@dataclass(frozen=True, slots=True)
class Swap:
    """Of the text in [start, end) only [first, last) stays, in parentheses if it is `loose` (an
    operator could pull it apart) and the whole did not stand `alone`. Swaps inside of what stays
    and of what goes can be made with it, in any order.
    """

    start: int
    end: int
    first: int
    last: int
    loose: bool
    alone: bool


@dataclass(frozen=True, slots=True)
class Component:
    """`kind`: a key of NEUTRAL; `what`: its text, as it stands in the definition `where`. A factor
    that stands twice (the decay of a delta rule) is one component with two swaps.
    """

    kind: str
    what: str
    where: str
    swaps: tuple[Swap, ...]


def components(text: str, definition: ast.Definition) -> list[Component]:
    """Those of one definition, in order of the text. Where several share a kind, all of them at
    once follow as one more.
    """
    finder = _Finder(text, definition)
    grouped: dict[tuple[str, str, int], list[Swap]] = {}
    for kind, what, swap in finder.found():
        # a factor of a state is one component wherever it stands; other parts are one by place
        place = -1 if kind == "decay" else swap.start
        grouped.setdefault((kind, what, place), []).append(swap)
    name = definition.name.id
    single = [Component(k, w, name, tuple(s)) for (k, w, _), s in grouped.items()]
    single.sort(key=lambda c: c.swaps[0].start)
    return single + _joined(single, name)


def _joined(single: list[Component], name: str) -> list[Component]:
    out: list[Component] = []
    for kind in NEUTRAL:
        same = [c for c in single if c.kind == kind]
        if len(same) > 1:
            swaps = tuple(s for c in same for s in c.swaps)
            out.append(Component(kind, f"all {len(same)}", name, swaps))
    return out


def swapped(text: str, swaps: Sequence[Swap]) -> str:
    """The text with all of them made."""
    around = {(s.first, s.last): s for s in swaps}

    def alone(s: Swap) -> bool:
        """What takes the place of a whole stands as that did."""
        outer = around.get((s.start, s.end))
        return s.alone if outer is None else alone(outer)

    gone = bytearray(len(text) + 1)
    for s in swaps:
        gone[s.start : s.first] = b"\1" * (s.first - s.start)
        gone[s.last : s.end] = b"\1" * (s.end - s.last)
    opened, closed = Counter[int](), Counter[int]()
    for s in swaps:
        if s.loose and not alone(s) and not all(gone[s.first : s.last]):
            opened[s.first] += 1
            closed[s.last] += 1
    letters = ["" if cut else letter for letter, cut in zip([*text, ""], gone, strict=True)]
    return "".join(f"{')' * closed[i]}{'(' * opened[i]}{x}" for i, x in enumerate(letters))


def bare(e: Any) -> Any:
    while isinstance(e, ast.Paren):
        e = e.inner
    return e


@dataclass(slots=True)
class _Finder:
    text: str
    definition: ast.Definition
    states: set[str] = field(default_factory=set[str])
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    previous: set[str] = field(default_factory=set[str])
    formals: set[str] = field(default_factory=set[str])
    alone: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])  # nothing around

    def __post_init__(self) -> None:
        self.formals = {f.name.id for f in self.definition.formals}
        for statement in self._statements():
            if isinstance(statement, ast.State):
                self.states.add(statement.name.id)
        for statement in self._statements():
            if isinstance(statement, ast.Equation):
                self._bind(statement)
        alone = [r for s in self._statements() for r in _roots(s)]
        for node in tree.nodes(self.definition):
            alone += [node.inner] if isinstance(node, ast.Paren) else []
            alone += [node.value] if isinstance(node, ast.Argument) else []
        self.alone = {(e.span.start, e.span.end) for e in alone}

    def _bind(self, equation: ast.Equation) -> None:
        for target in equation.targets:
            self.values[target.id] = equation.value
            if target.id not in self.states and self._before(equation.value):
                self.previous.add(target.id)

    def _statements(self) -> list[Any]:
        return [n for n in tree.nodes(self.definition) if isinstance(n, tree.STATEMENTS)]

    def found(self) -> Iterator[tuple[str, str, Swap]]:
        for statement in self._statements():
            writes = isinstance(statement, ast.Equation) and any(
                t.id in self.states | self.previous for t in statement.targets
            )
            for root in _roots(statement):
                yield from self._below(root, writes, False, False)

    def _below(
        self, e: Any, writes: bool, factor: bool, inside: bool
    ) -> Iterator[tuple[str, str, Swap]]:
        """`factor`: an operand of a product. `inside`: of a pointwise function, or of a weight."""
        yield from self._here(e, writes, factor, inside)
        product = isinstance(e, ast.Binary) and e.op == "*"
        # what a gate reads of a state is neither its decay nor an erasure
        linear = writes and not isinstance(e, ast.Call | ast.Pipe)
        nested = inside or _opaque(e)
        for operand in tree.operands(e):
            times = product or (factor and isinstance(e, ast.Paren))
            yield from self._below(operand, linear, times, nested)

    def _here(
        self, e: Any, writes: bool, factor: bool, inside: bool
    ) -> Iterator[tuple[str, str, Swap]]:
        match e:
            case ast.Call() | ast.Pipe():
                yield from self._call(e, factor)
            case ast.Binary(op="*"):
                yield from self._product(e, writes)
            case ast.Binary(op="+" | "-") if writes:
                yield from self._sum(e)
            case ast.Binary(op="+" | "-") if not inside:
                yield from self._branches(e)
            case ast.Binary(op="/"):
                if self._reads(e.right):
                    yield self._swap("normaliser", e.right, e, e.left)
            case ast.Index():
                yield from self._index(e, writes)
            case _:
                pass

    def _call(self, e: Any, factor: bool) -> Iterator[tuple[str, str, Swap]]:
        name = e.name.id
        inner = e.value if isinstance(e, ast.Pipe) else e.arguments[0].value if e.arguments else None  # fmt: skip # noqa: E501
        if inner is None:
            return
        kinds = {"conv": CONVOLUTIONS, "norm": NORMS, "position": POSITIONS}
        for kind, names in kinds.items():
            if name in names:
                yield self._swap(kind, e, e, inner)
        if name in ACTIVATIONS and not factor:
            yield self._swap("activation", e, e, inner)

    def _product(self, e: ast.Binary, writes: bool) -> Iterator[tuple[str, str, Swap]]:
        for one, other in ((e.left, e.right), (e.right, e.left)):
            if self._state_before(one) and not self._before(other):
                if writes:
                    yield self._swap("decay", other, e, one)
            elif self._gate(other) and not self._state_before(one):
                yield self._swap("gate", other, e, one)

    def _sum(self, e: ast.Binary) -> Iterator[tuple[str, str, Swap]]:
        pairs = ((e.left, e.right),) if e.op == "-" else ((e.left, e.right), (e.right, e.left))
        for kept, gone in pairs:
            if self._erased(gone) and not self._contracted(kept):
                yield self._swap("erase", gone, e, kept)

    def _branches(self, e: ast.Binary) -> Iterator[tuple[str, str, Swap]]:
        """Terms of a sum of streams, a bias apart; of `a - b` the second alone."""
        pairs = ((e.left, e.right),) if e.op == "-" else ((e.left, e.right), (e.right, e.left))
        if all(self._moves(side) for side in (e.left, e.right)):
            for kept, gone in pairs:
                if not (isinstance(bare(gone), ast.Binary) and bare(gone).op in "+-"):
                    yield self._swap("branch", gone, e, kept)

    def _moves(self, e: Any) -> bool:
        """Does it hold anything of the tokens?"""
        ids = {n.id for n in tree.nodes(e) if isinstance(n, ast.Name)}
        return bool(ids & (self.formals | self.states | set(self.values)))

    def _index(self, e: ast.Index, writes: bool) -> Iterator[tuple[str, str, Swap]]:
        if not _delayed(e) or not isinstance(e.base, ast.Name):
            return
        if e.base.id in self.states:
            if not writes:
                yield self._swap("read point", e, e, e.base)
        else:
            yield self._swap("shift", e, e, e.base)

    def _swap(self, kind: str, what: Any, old: Any, new: Any) -> tuple[str, str, Swap]:
        loose = isinstance(new, ast.Binary | ast.Unary | ast.Pipe | ast.Compare) and not (
            isinstance(old, ast.Pipe) and isinstance(new, ast.Pipe)
        )
        start, end = old.span.start, old.span.end
        swap = Swap(start, end, new.span.start, new.span.end, loose, (start, end) in self.alone)
        return kind, _named(self.text, what), swap

    # -- what an expression is

    def _state_before(self, e: Any) -> bool:
        """`S[t-1]`, or a sum with it that stands in parentheses."""
        inner = bare(e)
        return isinstance(inner, ast.Index) and self._before(inner)

    def _before(self, e: Any) -> bool:
        """Does it hold a state before the token?"""
        return any(
            isinstance(n, ast.Index)
            and _delayed(n)
            and isinstance(n.base, ast.Name)
            and n.base.id in self.states
            for n in tree.nodes(e)
        )

    def _erased(self, e: Any) -> bool:
        """A read of the state before the token, times what you like: no sum in between."""
        inner = bare(e)
        if not isinstance(inner, ast.Binary):
            return False
        if inner.op == "*":
            return self._erased(inner.left) or self._erased(inner.right)
        return inner.op == "@" and self._contracted(inner)

    def _contracted(self, e: Any) -> bool:
        """Does it hold a read of a state before the token, as `k @ S[t-1]`?"""
        return any(
            isinstance(n, ast.Binary)
            and n.op == "@"
            and (self._before(n.right) or any(
                isinstance(m, ast.Name) and m.id in self.previous for m in tree.nodes(n.right)))
            for n in tree.nodes(e)
        )  # fmt: skip

    def _reads(self, e: Any) -> bool:
        """Does it hold a state, now or before?"""
        return any(isinstance(n, ast.Name) and n.id in self.states for n in tree.nodes(e))

    def _gate(self, e: Any) -> bool:
        """A bounded or one-sided function of the token, or a name that is bound to one."""
        inner = bare(e)
        if isinstance(inner, ast.Name):
            value = self.values.get(inner.id)
            return value is not None and inner.id not in self.states and self._gate_value(value)
        return self._gate_value(inner)

    def _gate_value(self, e: Any) -> bool:
        inner = bare(e)
        return isinstance(inner, ast.Call | ast.Pipe) and inner.name.id in GATES


def _roots(statement: Any) -> list[Any]:
    match statement:
        case ast.Equation() | ast.Loss():
            return [statement.value]
        case ast.Return():
            return list(statement.values)
        case _:
            return []


def _opaque(e: Any) -> bool:
    """A call that a sum inside of does not pass through: all but maps, norms and convolutions."""
    if not isinstance(e, ast.Call | ast.Pipe):
        return isinstance(e, ast.Compare | ast.Attend)
    return e.name.id not in ("linear", *NORMS, *CONVOLUTIONS)


def _delayed(e: ast.Index) -> bool:
    """`[t-n]` or `[t - n]`."""
    slots = e.brackets.slots
    value: Any = slots[0].value if len(slots) == 1 and slots[0].name is None else None
    return (
        isinstance(value, ast.Binary)
        and value.op == "-"
        and isinstance(value.left, ast.Name)
        and value.left.id == "t"
    )


def _named(text: str, e: Any) -> str:
    """A short text for a component: a pipe's last call alone."""
    if isinstance(e, ast.Pipe):
        return text[e.name.span.start : e.span.end]
    shown = " ".join(tree.piece(text, bare(e)).split())
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
