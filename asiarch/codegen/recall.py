"""`attend` on the cycle of a state: a row of weights for each token of a loop.

Streams that it reads at j stay in memories, which are states of the loop beside those of the
program. A state that is read above its equation is known up to the token before; everything else
up to the token itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asiarch.codegen.attend import (
    Body,
    equation_of,
    keep_text,
    print_weigh,
    reach,
    variant,
)
from asiarch.codegen.expressions import Expressions
from asiarch.codegen.plan import Unsupported
from asiarch.codegen.spelling import Text, tuple_of
from asiarch.codegen.writer import Names
from asiarch.ir.node import Node

if TYPE_CHECKING:
    from asiarch.codegen.forward import ForwardWriter
    from asiarch.codegen.plan import Cell


@dataclass(slots=True)
class Memory:
    """What a loop keeps of `value`, for every attend that reads it as far back and as late.

    late: its value at a token is known after the attend of that token; low: how many tokens stay.
    """

    value: Node
    low: int | None
    late: bool
    name: str
    key: str
    grown: bool = False


@dataclass(frozen=True, slots=True)
class Recall:
    """One attend in a cell, and the memories of its reads at j (at least one: it counts)."""

    body: Body
    suffix: str
    memories: list[Memory]


@dataclass(slots=True)
class Recalls:
    """The attends of a cell, their memories and the position that all share."""

    module: ForwardWriter
    names: Names
    attends: dict[Node, Recall] = field(default_factory=dict[Node, Recall])
    memories: list[Memory] = field(default_factory=list[Memory])
    place: str = ""
    place_key: str = ""

    @staticmethod
    def of(module: ForwardWriter, step: Cell, names: Names) -> Recalls:
        """With every `weigh` printed and the states declared."""
        made = Recalls(module, names)
        ends = {s.leaf: s.update for s in step.recurrence.states}
        for node in step.recurrence.group.nodes:
            if node.op == "attend":
                made.attends[node] = made._attend(node, ends)
        if made:
            made.place = names.fresh("place")
            hint = next(iter(made.attends.values())).body.hint
            made.place_key = module.state_key(f"{hint}.t", module.say.origin)
        return made

    def __bool__(self) -> bool:
        return bool(self.attends)

    def _attend(self, node: Node, ends: dict[Node, Node]) -> Recall:
        module, body = self.module, Body.of(self.module, node)
        low, early, ahead = reach(node)
        if ahead:
            raise Unsupported(
                "`attend` on the cycle of a state looks ahead: a loop over tokens keeps the past "
                "alone; the reference runs it"
            )
        low = None if early else low  # first tokens beside a window: everything is kept
        print_weigh(module, body)
        late = any(leaf.attr("state") for leaf, _, _ in body.attended)
        found: list[Memory] = []
        for leaf, name, arg in body.attended or body.queries[:1]:
            value = ends.get(arg, arg) if late and leaf.attr("state") else arg
            found.append(self._memory(value, low, late, name, body.hint))
        return Recall(body, variant(module, node), found)

    def _memory(self, value: Node, low: int | None, late: bool, name: str, hint: str) -> Memory:
        for known in self.memories:
            if known.value is value and known.low == low and known.late == late:
                return known
        sizes = (self.module.expr.size(a) for a in value.type.axes)
        room = self.module.say.unbounded if low is None else low
        empty = self.module.zeros("batch", room, *sizes)
        key = self.module.state_key(f"{hint}.{name}", empty)
        made = Memory(value, low, late, self.names.fresh(f"past_{name}"), key)
        self.memories.append(made)
        return made

    # -- states of the loop ----------------------------------------------------------------------

    @property
    def states(self) -> list[str]:
        names = [m.name for m in self.memories]
        return names if self.module.bare or not self else [*names, self.place]

    @property
    def keys(self) -> list[str]:
        return [*(m.key for m in self.memories), self.place_key] if self else []

    def starts(self) -> list[str]:
        """What the loop starts with: the given states' memories, or empty ones."""
        module = self.module
        lead, like = module.first_stream(), module.expr.like
        count = f"len({lead})" if module.bare else "rows.count"
        out: list[str] = []
        for memory in self.memories:
            sizes = [module.expr.size(a) for a in memory.value.type.axes]
            held = 0 if module.bare else memory.low or 0
            shape = tuple_of([count, str(held), *map(str, sizes)])
            empty = module.say.full(shape, "0", like).text
            known = f'Memory(state.get("{memory.key}", {empty}), {memory.low})'
            if module.say.apart:
                known = f"Memory({empty}, {memory.low})"
            out.append(empty if module.bare else known)
        if self and not module.bare:
            zero = module.say.zero_of(count, lead)
            out.append(zero if module.say.apart else f'state.get("{self.place_key}", {zero})')
        return out

    def ends(self, inner: Expressions, lead: str) -> list[str]:
        """What the loop's own states are after the token."""
        out: list[str] = []
        for memory in self.memories:
            text = memory.name if memory.grown else self._after(memory, inner, lead)
            windowed = memory.low is not None and not self.module.bare
            out.append(f"{text}.kept()" if windowed else text)
        return out if self.module.bare or not self else [*out, f"{self.place} + 1"]

    def _after(self, memory: Memory, inner: Expressions, lead: str) -> str:
        token = inner.whole_stream(memory.value, lead)
        if self.module.bare:
            return f"torch.cat([{memory.name}, {_atom(token)}[:, None]], 1)"
        return f"{memory.name}.after({token})"

    # -- the row of a token ----------------------------------------------------------------------

    def print_row(self, node: Node, inner: Expressions, lead: str) -> None:
        """The token's weighted sum; its own entries come first where they may be attended to."""
        recall, module = self.attends[node], self.module
        body, w = recall.body, module.writer
        for memory in recall.memories:
            if not memory.late and not memory.grown:
                w.line(f"{memory.name} = {self._after(memory, inner, lead)}")
                memory.grown = True
        queries = [f"{_atom(inner.whole_stream(r[2], lead))}[:, None]" for r in body.queries]
        plain = [inner.whole(r[2]) for r in body.plain]
        call = (self._all_pairs if module.bare else self._blocked)(recall, queries, plain)
        output = self.names.fresh(body.hint)
        w.line(f"{output} = {call}[:, 0]")
        inner.names[node] = Text(output)

    def _blocked(self, recall: Recall, queries: list[str], plain: list[str]) -> str:
        body, first = recall.body, recall.memories[0]
        options = f"{first.name}, {not first.late}{keep_text(self.module, body)}"
        self.module.writer.line(f"row = Row({self.place}, {options})")
        texts = [f"{m.name}.x" for m in recall.memories] if body.attended else []
        args = [body.weigh, f'"{equation_of(body)}"', "row", tuple_of(queries), tuple_of(texts)]
        return f"attend{recall.suffix}({', '.join([*args, tuple_of(plain)] if plain else args)})"

    def _all_pairs(self, recall: Recall, queries: list[str], plain: list[str]) -> str:
        body, first = recall.body, recall.memories[0]
        ramp = f"torch.arange({first.name}.shape[1] + 1, device={first.name}.device)"
        self.module.writer.line(f"ramp = {ramp}")
        last = "ramp[-1:]" if first.late else "ramp[-2:-1]"
        texts = [m.name for m in recall.memories] if body.attended else []
        given = [f"{last}[None, :, None]", "ramp[None, None, :-1]", *queries, *texts, *plain]
        pairs = f"{body.weigh}({', '.join(given)})"
        keep = keep_text(self.module, body)
        return f'attend{recall.suffix}("{equation_of(body)}", *{pairs}{keep})'


def _atom(text: str) -> str:
    return text if text.isidentifier() else f"({text})"
