"""A recurrence in normal form as calls of its class kernels, its reads as views of the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from asiarch.codegen.plan import Kernel
from asiarch.codegen.spelling import Text
from asiarch.codegen.writer import Writer
from asiarch.ir import polynomial as P
from asiarch.ir import rules
from asiarch.ir.function import StateInfo
from asiarch.ir.node import Node
from asiarch.ir.recurrence import Coupled, Erase, Factor, Read, Recurrence, Tropical

if TYPE_CHECKING:
    from asiarch.codegen.forward import ForwardWriter

Axes = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Micro:
    """One step of a class kernel: at most one write and one erase term."""

    decay: Node | None
    write: tuple[Node, Node] | None
    erase: Erase | None


def print_kernel(module: ForwardWriter, step: Kernel) -> None:
    """One kernel call; the state after the last token comes from the first."""
    found = step.recurrence
    if step.first:
        for state in found.states:
            module.state_key(state.name, initial(module, found, state))
    if found.coupled is not None:
        _coupled(module, step, found.coupled)
    elif found.tropical is not None:
        _tropical(module, step, found.tropical)
    else:
        _Call(module, step, found.states[0].name).write()


def micros(found: Recurrence) -> list[Micro]:
    """The steps of a token: one for each factor, and one for each further write of a factor."""
    out: list[Micro] = []
    for factor in found.factors:
        out += _of_factor(factor)
    return out


def _of_factor(factor: Factor) -> list[Micro]:
    erase = factor.erases[0] if factor.erases else None
    first = Micro(factor.decay, next(iter(factor.writes), None), erase)
    return [first, *(Micro(None, write, None) for write in factor.writes[1:])]


# -- states ----------------------------------------------------------------------------------------


def initial(
    module: ForwardWriter, found: Recurrence, state: StateInfo, count: str = "batch"
) -> str:
    """A state before the first token of `count` documents."""
    sizes = [_product(module, axes) for axes in (found.heads, found.keys, found.values)]
    start = state.initial
    if _zero(start):
        return module.zeros(count, *sizes, wide=True)
    axes = (*found.heads, *found.keys, *found.values)
    printer = module.outside() if count == "batch" else module.expr
    text = printer.spread(printer.of(start), start.type, axes)
    shaped = Text(f"{text.atom}.reshape({', '.join(map(str, sizes))})")
    return module.say.expand(shaped, [count, "-1", "-1", "-1"]).text


def _zero(start: Node) -> bool:
    return start.op == "size" and start.attr("value").constant == 0


def _carried(module: ForwardWriter, found: Recurrence, state: StateInfo, views: Views) -> str:
    """The given state, or the one that documents start with where kernels do not take it apart."""
    start = "" if _zero(state.initial) else initial(module, found, state, "rows.count")
    known = f", {start}" if start and not module.say.apart else ""
    return views.of(f'state.get("{state.name}"{known})')


def _start(module: ForwardWriter, found: Recurrence, state: StateInfo, views: Views) -> str:
    """The state that documents start with, for kernels that take it apart; empty: zeros."""
    if _zero(state.initial) or not module.say.apart:
        return ""
    return views.of(initial(module, found, state, "rows.count"))


@dataclass(frozen=True, slots=True)
class Views:
    """A state as a kernel wants it: one for each query that shares it, or transposed."""

    module: ForwardWriter
    repeated: int = 1
    swapped: bool = False

    def of(self, text: str) -> str:
        helpers = self.module.expr.helpers
        if self.repeated > 1:
            helpers.add("repeat_heads")
            text = f"repeat_heads({text}, {self.repeated})"
        if self.swapped:
            helpers.add("transposed")
            text = f"transposed({text})"
        return text


def _product(module: ForwardWriter, axes: Axes) -> int:
    total = 1
    for axis in axes:
        total *= module.expr.size(axis)
    return total


# -- calls -----------------------------------------------------------------------------------------


class _Call:
    """The text of one call. `sides`: axes of the kernel's keys and values, swapped for a read along
    the values of a class whose decay does not tell them apart.
    """

    def __init__(self, module: ForwardWriter, step: Kernel, key: str) -> None:
        self.module, self.step, self.key = module, step, key
        self.found, self.read = step.recurrence, step.read
        self.base = self.found.cls.partition("+")[0]
        self.extra = _extra(self.found, self.read)
        self.heads = self.found.heads + self.extra
        self.side = self.read.side if self.read is not None else "keys"
        if self.read is None and not self.found.keys:
            self.side = "whole"
        self.steps = micros(self.found)
        if self.side == "whole":
            self.steps = self.steps[:1]
        self.swapped = self.side == "values" and self.base in ("identity", "scalar")
        self.erasing = any(s.erase is not None for s in self.steps)
        self.tied = all(s.erase is None or s.erase.tied for s in self.steps)

    def write(self) -> None:
        module, w, found = self.module, self.module.writer, self.found
        name, args = self._kernel()
        hint = module.plan.function.hints.get(self.read.node) if self.read is not None else None
        output = module.names.fresh(hint or "o") if self.read is not None else "_"
        last = f'after["{self.key}"]' if self.step.first else "_"
        rows = "rows" if len(self.steps) == 1 else f"substeps(rows, {len(self.steps)})"
        chunk = self.step.chunk * -(-len(self.steps) // 2)
        tail = self._tail(rows, chunk)
        call = f"{name}({', '.join(args)}, {tail})"
        if len(self.steps) > 1:
            _spelled(w, f"{output}, {last} = {name}(", [*args, tail])
        elif len(f"{output}, {last} = {call}") > w.room:
            w.line(f"{output}, {last} = {name}(")
            w.line(f"    {', '.join(args)}, {tail}")
            w.line(")")
        else:
            w.line(f"{output}, {last} = {call}")
        if self.step.first and self.swapped:
            w.line(f"{last} = {last}.mT")
        if self.step.first and self.extra:
            w.line(f"{last} = {last}[:, ::{_product(module, self.extra)}]")
        if self.read is None:
            return
        text = Text(output)
        if len(self.steps) > 1:
            start = "" if self.read.pre else str(len(self.steps) - 1)
            text = Text(f"{output}[:, {start}::{len(self.steps)}]")
        values = {"keys": found.values, "values": found.keys, "whole": found.keys + found.values}
        module.expr.names[self.read.node] = self._view(text, values[self.side])

    def _tail(self, rows: str, chunk: int) -> str:
        module, state = self.module, self.found.states[0]
        views = Views(module, _product(module, self.extra), self.swapped)
        start = _start(module, self.found, state, views)
        given = _carried(module, self.found, state, views)
        return f"{given}, {rows}, {chunk}{f', start={start}' if start else ''}"

    def _kernel(self) -> tuple[str, list[str]]:
        """The kernel's name and its streams."""
        if len(self.steps) > 1:
            self.module.kernels.need(self.module.say.kernel("substeps"))
        pre = self.read.pre if self.read is not None else False
        keys, values = self.found.keys, self.found.values
        if self.side == "whole":
            sizes = (self.heads, keys, values)
            args = [
                shaped(self.module, self._entry(), sizes),
                shaped(self.module, self.found.decay, sizes, 1),
            ]
            return self._name("elementwise", "vector", pre), args
        if self.swapped:
            keys, values = values, keys
        query = self.read.q if self.read is not None else None
        k = [s.write[self.swapped] if s.write else None for s in self.steps]
        v = [s.write[not self.swapped] if s.write else None for s in self.steps]
        across = self.side == "values" and not self.swapped
        args = [
            self._query(query, values if across else keys, pre),
            self._streams(k, self.heads, keys),
            self._streams(v, self.heads, values),
        ]
        if self.base != "identity":
            inner = {"scalar": (), "diagonal": (keys,), "elementwise": (keys, values)}[self.base]
            decays = [s.decay for s in self.steps]
            args.append(self._streams(decays, self.heads, *inner, missing=1))
        if across and self.base == "diagonal":
            return self._name("diagonal", "diagonal_values", pre), args
        if not self.erasing:
            return self._name(self.base, self.base, pre), args
        return self._erasing(args, pre)

    def _erasing(self, args: list[str], pre: bool) -> tuple[str, list[str]]:
        keys = self.found.keys
        read = [s for s in self.steps if s.erase is not None and s.decay is not None]
        decayed = {s.erase.decayed for s in read if s.erase is not None}
        flag = decayed == {True}
        reads: list[Node | None] = []
        for s in self.steps:
            w = s.erase.w if s.erase is not None else None
            if w is not None and s.erase is not None and s.erase.decayed and not flag:
                assert s.decay is not None
                w = rules.pointwise("mul", w, s.decay)
            reads.append(w)
        if not self.tied:
            args.append(
                self._streams(
                    [s.erase.u if s.erase else None for s in self.steps], self.heads, keys
                )
            )
        args.append(self._streams(reads, self.heads, keys))
        name = f"{self.base}_rank1"
        flags = {} if self.base == "identity" else {"DECAYED": flag}
        return self._name(name, name if self.tied else f"{name}_untied", pre, **flags), args

    def _name(self, folder: str, name: str, pre: bool, **flags: bool) -> str:
        file = self.module.say.kernel(folder, name.removeprefix(folder).strip("_"))
        return name + self.module.kernels.need(file, READ_PRE=pre, **flags)

    # -- streams ---------------------------------------------------------------------------------

    def _entry(self) -> Node:
        """What a token adds to every entry of the state."""
        entries = [rules.pointwise("mul", k, v) for k, v in self.found.writes]
        return P.build(dict.fromkeys((((e, 1),) for e in entries), Fraction(1)))

    def _query(self, query: Node | None, inner: Axes, pre: bool) -> str:
        text = shaped(self.module, query, (self.heads, inner))
        if len(self.steps) == 1:
            return text
        at = 0 if pre else len(self.steps) - 1
        return f"at_factor({text}, {len(self.steps)}, {at})"

    def _streams(self, nodes: Sequence[Node | None], *groups: Axes, missing: int = 0) -> str:
        """A stream for each step of a token, interleaved."""
        texts = [shaped(self.module, n, groups, missing) for n in nodes]
        return texts[0] if len(texts) == 1 else f"interleave({', '.join(texts)})"

    def _view(self, text: Text, values: Axes) -> Text:
        """The kernel's [batch, time, heads, values] as the read's own axes."""
        assert self.read is not None
        if self.side == "whole":
            return self.unpacked(text)
        return viewed(self.module, text, self.read.node, self.heads, values)

    def unpacked(self, text: Text) -> Text:
        """[batch, time, heads, keys, values] as the state's own axes."""
        assert self.read is not None
        expr, node = self.module.expr, self.read.node
        axes = self.heads
        for group, at in ((self.found.values, -1), (self.found.keys, -1 - len(self.found.values))):
            if not group:
                text = Text(f"{text.atom}.squeeze({at})")
            elif len(group) > 1:
                text = expr.say.unflatten(text, at, expr.sizes(group))
        axes += self.found.keys + self.found.values
        return expr.permute(
            _unflat(self.module, text, self.heads), node.type.with_axes(axes), node.type.axes
        )


def shaped(
    module: ForwardWriter, node: Node | None, groups: Sequence[Axes], missing: int = 0
) -> str:
    """A node as [batch, time, *groups], the axes of each group flattened to one."""
    expr, lead = module.expr, module.first_stream()
    if node is None or (not node.type.axes and not node.type.stream):
        shape = [_product(module, axes) for axes in groups]
        full = f"(*{lead}.shape[:2], {', '.join(map(str, shape))})"
        return expr.filled(full, Text(str(missing)) if node is None else expr.of(node)).text
    axes = tuple(a for group in groups for a in group)
    text = expr.of(node) if node.type.stream else expr.real(node)
    placed = expr.spread(text, node.type, axes)
    if not expr.full(node):
        placed = expr.say.expand(placed, [f"*{lead}.shape[:2]", *["-1"] * len(axes)])
    at = len(axes) + 2
    for n, group in reversed(list(enumerate(groups))):
        at -= len(group)
        if len(group) == 1:
            continue
        last = n == len(groups) - 1
        if group:
            span = (-len(group), -1) if last else (at, at + len(group) - 1)
            placed = expr.say.flatten(placed, *span)
        elif last:
            placed = Text(f"{placed.atom}[..., None]")
        else:
            placed = expr.say.unsqueeze(placed, at)
    return placed.text


def viewed(module: ForwardWriter, text: Text, node: Node, heads: Axes, values: Axes) -> Text:
    """[batch, time, heads, values] as the axes of a node."""
    expr = module.expr
    if not values:
        text = Text(f"{text.atom}.squeeze(-1)")
    elif len(values) > 1:
        text = expr.say.unflatten(text, -1, expr.sizes(values))
    text = _unflat(module, text, heads)
    return expr.permute(text, node.type.with_axes(heads + values), node.type.axes)


def _unflat(module: ForwardWriter, text: Text, heads: Axes) -> Text:
    if len(heads) == 1:
        return text
    if not heads:
        return Text(f"{text.atom}.squeeze(2)")
    return module.say.unflatten(text, 2, module.expr.sizes(heads))


def _extra(found: Recurrence, read: Read | None) -> Axes:
    """Axes of the query that the state lacks: grouped queries share a state."""
    if read is None:
        return ()
    known = {*found.heads, *found.keys, *found.values}
    return tuple(a for a in read.q.type.axes if a not in known)


# -- max-plus ------------------------------------------------------------------------------------


def _tropical(module: ForwardWriter, step: Kernel, form: Tropical) -> None:
    """The state after and before every token, by one call."""
    found, (state,) = step.recurrence, step.recurrence.states
    module.kernels.need(module.say.kernel("maxplus"))
    sizes = (found.heads, found.keys, found.values)
    given = [shaped(module, node, sizes) for node in (form.carry, form.other)]
    after, before = (module.names.fresh(n) for n in (state.name, f"{state.name}_before"))
    views = Views(module)
    args = [*given, _carried(module, found, state, views), "rows", str(step.chunk)]
    if start := _start(module, found, state, views):
        args.append(f"start={start}")
    _spelled(module.writer, f'{after}, {before}, after["{state.name}"] = maxplus(', args)
    for node, name in ((state.update, after), (state.leaf, before)):
        read = Read(node, rules.number(1), node is state.leaf, "whole")
        call = _Call(module, replace(step, read=read), state.name)
        module.expr.names[node] = call.unpacked(Text(name))


# -- coupled states --------------------------------------------------------------------------------


def _coupled(module: ForwardWriter, step: Kernel, form: Coupled) -> None:
    """States that feed each other by one call, which gives all of them after the last token."""
    found, w, read = step.recurrence, module.writer, step.read
    extra = _extra(found, read)
    heads, keys, values = found.heads + extra, found.keys, found.values
    matrix = [n for line in form.matrix for n in line]
    inner = keys if any(n is not None and set(n.type.axes) & set(keys) for n in matrix) else ()
    views = Views(module, _product(module, extra))

    def listed(nodes: Sequence[Node | None], *groups: Axes) -> str:
        return _listed([shaped(module, n, groups) for n in nodes])

    args = [
        shaped(module, read.q if read is not None else None, (heads, keys)),
        _listed([listed(row.keys, heads, keys) for row in form.rows]),
        listed([row.value for row in form.rows], heads, values),
        listed([row.read for row in form.rows], heads, keys),
        _listed([listed(line, heads, inner) for line in form.matrix]),
        _listed([_carried(module, found, s, views) for s in found.states]),
        "rows",
        str(step.chunk),
        _listed([str(row.source) for row in form.rows]),
        str(read.state if read is not None else 0),
    ]
    starts = [_start(module, found, s, views) or "None" for s in found.states]
    if set(starts) != {"None"}:
        args.append(f"start={_listed(starts)}")
    pre = read.pre if read is not None else False
    name = "coupled" + module.kernels.need(module.say.kernel("coupled"), READ_PRE=pre)
    hint = module.plan.function.hints.get(read.node) if read is not None else None
    output = module.names.fresh(hint or "o") if read is not None else "_"
    lasts = [f'after["{s.name}"]' for s in found.states]
    _spelled(w, f"{output}, last = {name}(", args)
    if step.first:
        every = f"[:, ::{_product(module, extra)}]" if extra else ""
        for n, last in enumerate(lasts):
            w.line(f"{last} = last[{n}]{every}")
    if read is not None:
        module.expr.names[read.node] = viewed(module, Text(output), read.node, heads, values)


def _spelled(w: Writer, head: str, items: Sequence[str]) -> None:
    """A call on one line, or an argument a line."""
    if len(text := f"{head}{', '.join(items)})") <= w.room:
        w.line(text)
        return
    with w.block(head):
        for item in items:
            w.line(f"{item},")
    w.line(")")


def _listed(items: Sequence[str]) -> str:
    return f"[{', '.join(items)}]"
