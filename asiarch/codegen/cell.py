"""States that no class kernel computes: a function of one token, and a loop over tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asiarch.codegen.expressions import Expressions
from asiarch.codegen.fused import fused_text
from asiarch.codegen.plan import Cell
from asiarch.codegen.recall import Recalls
from asiarch.codegen.spelling import Text, tuple_of
from asiarch.codegen.writer import Names
from asiarch.ir.node import Node

if TYPE_CHECKING:
    from asiarch.codegen.forward import ForwardWriter


def print_cell(module: ForwardWriter, step: Cell) -> None:
    """`def cell(...)`, then outputs and last states by `scan`."""
    found, w = step.recurrence, module.writer
    lead = module.first_stream()
    streams = [n for n in step.outside if n.type.stream]
    keys = [module.state_key(s.name, _initial(module, s.leaf, s.initial)) for s in found.states]
    cell = module.names.fresh("cell")
    inner = Expressions(module.plan.function, module.say, like=module.expr.like, lead=1)
    inner.special = lambda node: fused_text(inner, node.args[0])
    names = Names(set(module.names.taken))
    attends = Recalls.of(module, step, names)
    inner.names.update({n: module.expr.of(n) for n in step.outside if not n.type.stream})
    states = _declare(inner, names, [(s.leaf, s.name) for s in found.states])
    hints = module.plan.function.hints
    tokens = _declare(inner, names, [(n, hints.get(n) or _label(module, n)) for n in streams])
    stream_texts = [module.expr.whole_stream(n, lead) for n in streams]
    with w.block(f"def {cell}(state: Any, token: Any) -> Any:"):
        w.line(f"{tuple_of([*states, *attends.states])} = state")
        if tokens:
            w.line(f"{tuple_of(tokens)} = token")
        _body(module, step, inner, names, attends)
        updates = [_full(inner, s.update, s.leaf) for s in found.states]
        updates += attends.ends(inner, states[0])
        outputs = [inner.of(n).text for n in step.outputs]
        w.line(f"return {tuple_of(updates)}, {tuple_of(outputs)}")
    w.line()
    _call(module, step, cell, keys, stream_texts, attends)


def _label(module: ForwardWriter, node: Node) -> str:
    text = module.expr.of(node).text
    return text if text.isidentifier() else "x"


def _declare(inner: Expressions, names: Names, wanted: list[tuple[Node, str]]) -> list[str]:
    out: list[str] = []
    for node, wish in wanted:
        name = names.fresh(f"{wish.replace('.', '_')}_t" if not wish.endswith("_t") else wish)
        inner.names[node] = Text(name)
        out.append(name)
    return out


def _body(
    module: ForwardWriter, step: Cell, inner: Expressions, names: Names, attends: Recalls
) -> None:
    group = step.recurrence.group.nodes
    uses: dict[Node, int] = {}
    for node in group:
        for arg in node.args:
            uses[arg] = uses.get(arg, 0) + 1
    for node in (*step.outputs, *(s.update for s in step.recurrence.states)):
        uses[node] = uses.get(node, 0) + 1
    for node in group:
        if node in attends.attends:
            lead = inner.of(step.recurrence.states[0].leaf).text
            attends.print_row(node, inner, lead)
            continue
        hint = module.plan.function.hints.get(node)
        text = inner.of(node)
        if hint is None and uses.get(node, 0) <= 1 and len(text.text) < 72:
            continue
        name = names.fresh(hint or "x")
        module.writer.line(f"{name} = {text.text}")
        inner.names[node] = Text(name)


def _full(inner: Expressions, update: Node, leaf: Node) -> str:
    """The next state, whatever its operands, in the state's own shape."""
    text = inner.of(update)
    if update.type.stream and not update.type.positional:
        return text.text
    spread = inner.spread(text, update.type, leaf.type.axes)
    return inner.say.expand_as(spread, inner.of(leaf).text).text


def _initial(module: ForwardWriter, leaf: Node, start: Node, count: str = "batch") -> str:
    """The state before the first token of `count` documents."""
    sizes = [module.expr.size(a) for a in leaf.type.axes]
    outside = count == "batch"
    if start.op == "size" and start.attr("value").constant == 0:
        if outside:
            return module.zeros(count, *sizes)
        return module.say.full(tuple_of([count, *map(str, sizes)]), "0", module.expr.like).text
    printer = module.outside() if outside else module.expr
    text = printer.spread(printer.of(start), start.type, leaf.type.axes)
    return module.say.expand(text, [count, *["-1"] * len(sizes)]).text


def _call(
    module: ForwardWriter,
    step: Cell,
    cell: str,
    keys: list[str],
    streams: list[str],
    attends: Recalls,
) -> None:
    w, expr, lead = module.writer, module.expr, module.first_stream()
    found, scan = step.recurrence, "recall" if attends and not module.bare else "scan"
    file = module.say.kernel("scan", "memory" if attends else "")
    module.kernels.need("bare/scan.py" if module.bare else file)
    starts: list[str] = []
    for state, key in zip(found.states, keys, strict=True):
        count = f"len({lead})" if module.bare else "rows.count"
        initial = _initial(module, state.leaf, state.initial, count)
        alone = module.bare or module.say.apart
        starts.append(initial if alone else f'state.get("{key}", {initial})')
    starts += attends.starts()
    keys = [*keys, *attends.keys]
    outputs: list[str] = []
    for node in step.outputs:
        name = module.names.fresh(module.plan.function.hints.get(node) or "h")
        expr.names[node] = Text(name)
        outputs.append(name)
    if module.bare:
        token = f"{cell}, {tuple_of(starts)}, {tuple_of(streams or [lead])}"
        w.line(f"{tuple_of(outputs)} = scan({token})")
        return
    lasts = [f'after["{k}"]' for k in keys]
    begun, rows = "start", "rows"
    if module.say.apart:
        given = [f'state.get("{k}")' for k in keys]
        w.line(f"given = {tuple_of(given)}")
        begun = "given, start"
        if any(m.low is None for m in attends.memories):
            rows = 'rows, "length" in state'
    w.line(f"start = {tuple_of(starts)}")
    if not streams:
        streams = [lead]
        w.line(
            f"{tuple_of(outputs)}, {tuple_of(lasts)} = {scan}(lambda s, _: {cell}(s, ()), {begun}, "
            f"({lead},), {rows})"
        )
        return
    target = f"{tuple_of(outputs)}, {tuple_of(lasts)}"
    call = f"{scan}({cell}, {begun}, {tuple_of(streams)}, {rows})"
    if len(f"{target} = {call}") > w.room:
        w.line(f"({target}) = (")
        w.line(f"    {call}")
        w.line(")")
    else:
        w.line(f"{target} = {call}")
