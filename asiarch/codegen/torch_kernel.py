"""A recurrence in normal form as a call of its class kernel, its reads as views of the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asiarch.codegen.plan import Kernel
from asiarch.codegen.torch_expr import Text
from asiarch.ir.node import Node
from asiarch.ir.recurrence import Read, Recurrence

if TYPE_CHECKING:
    from asiarch.codegen.torch_module import ModuleWriter


def print_kernel(module: ModuleWriter, step: Kernel) -> None:
    """One kernel call; the state after the last token comes from the first."""
    found = step.recurrence
    key = found.states[0].name
    if step.first:
        module.state_key(key, _initial(module, found))
    _one(module, step, key, step.read, first=step.first)


def _state_sizes(module: ModuleWriter, found: Recurrence) -> tuple[int, int, int]:
    def product(axes: tuple[str, ...]) -> int:
        total = 1
        for axis in axes:
            total *= module.expr.size(axis)
        return total

    return product(found.heads), product(found.keys), product(found.values)


def _zero(found: Recurrence) -> bool:
    start = found.states[0].initial
    return start.op == "size" and start.attr("value").constant == 0


def _initial(module: ModuleWriter, found: Recurrence, count: str = "batch") -> str:
    """The state before the first token of `count` documents."""
    sizes = _state_sizes(module, found)
    if _zero(found):
        return module.zeros(count, *sizes)
    start = found.states[0].initial
    axes = (*found.heads, *found.keys, *found.values)
    printer = module.outside() if count == "batch" else module.expr
    text = printer.spread(printer.of(start), start.type, axes)
    return f"{text.atom}.reshape({', '.join(map(str, sizes))}).expand({count}, -1, -1, -1)"


def _one(
    module: ModuleWriter,
    step: Kernel,
    key: str,
    read: Read | None,
    *,
    first: bool,
) -> None:
    found, w = step.recurrence, module.writer
    extra = _extra(found, read)
    heads = found.heads + extra
    name, path = step.name, f"{step.name}/torch.py"
    erase = found.erases[0] if found.erases else None
    if erase is not None and not erase.tied:
        name, path = f"{name}_untied", f"{step.name}/untied.py"
    flags = {"READ_PRE": read.pre if read is not None else False}
    if erase is not None:
        flags["DECAYED"] = erase.decayed
    if found.cls.startswith("identity"):
        flags.pop("DECAYED", None)
    name += module.kernels.need(path, **flags)
    if found.writes:
        k, v = found.writes[0]
    else:
        k = v = None
    query = read.q if read is not None else None
    args = [
        _shaped(module, query, heads, found.keys),
        _shaped(module, k, heads, found.keys),
        _shaped(module, v, heads, found.values),
    ]
    if found.decay is not None:
        diagonal = found.cls.startswith("diagonal")
        args.append(_shaped(module, found.decay, heads, found.keys if diagonal else None))
    if erase is not None:
        args += [] if erase.tied else [_shaped(module, erase.u, heads, found.keys)]
        args.append(_shaped(module, erase.w, heads, found.keys))
    default = "" if _zero(found) else f", {_initial(module, found, 'rows.count')}"
    state_text = f'state.get("{key}"{default})'
    if extra:
        module.expr.helpers.add("repeat_heads")
        count = 1
        for axis in extra:
            count *= module.expr.size(axis)
        state_text = f"repeat_heads({state_text}, {count})"
    call = f"{name}({', '.join(args)}, {state_text}, rows, {step.chunk})"
    hint = module.plan.function.hints.get(read.node) if read is not None else None
    output = module.names.fresh(hint or "o") if read is not None else "_"
    last = f'after["{key}"]' if first else "_"
    if len(f"{output}, {last} = {call}") > w.room:
        w.line(f"{output}, {last} = {name}(")
        w.line(f"    {', '.join(args)}, {state_text}, rows, {step.chunk}")
        w.line(")")
    else:
        w.line(f"{output}, {last} = {call}")
    if extra and first:
        count = 1
        for axis in extra:
            count *= module.expr.size(axis)
        w.line(f'after["{key}"] = after["{key}"][:, ::{count}]')
    if read is not None:
        module.expr.names[read.node] = _view(module, Text(output), read.node, heads, found.values)


def _extra(found: Recurrence, read: Read | None) -> tuple[str, ...]:
    """Axes of the query that the state lacks: grouped queries share a state."""
    if read is None:
        return ()
    known = {*found.heads, *found.keys, *found.values}
    return tuple(a for a in read.q.type.axes if a not in known)


def _shaped(
    module: ModuleWriter, node: Node | None, heads: tuple[str, ...], inner: tuple[str, ...] | None
) -> str:
    """A node as [batch, time, heads, inner] (without `inner` when None)."""
    expr, lead = module.expr, module.first_stream()
    axes = heads + (inner or ())
    shape = [_product(module, heads)] + ([] if inner is None else [_product(module, inner)])
    if node is None or (not node.type.axes and not node.type.stream):
        full = f"(*{lead}.shape[:2], {', '.join(map(str, shape))})"
        return expr.filled(full, Text("0") if node is None else expr.of(node)).text
    text = Text(expr.whole(node)) if not node.type.stream else expr.of(node)
    placed = expr.spread(text, node.type, axes)
    if not expr.full(node):
        placed = Text(f"{placed.atom}.expand(*{lead}.shape[:2]{', -1' * len(axes)})")
    if inner is not None and len(inner) != 1:
        placed = (
            Text(f"{placed.atom}[..., None]")
            if not inner
            else Text(f"{placed.atom}.flatten(-{len(inner)})")
        )
    if len(heads) != 1:
        at = 2
        placed = (
            Text(f"{placed.atom}.unsqueeze({at})")
            if not heads
            else Text(f"{placed.atom}.flatten({at}, {at + len(heads) - 1})")
        )
    return placed.text


def _product(module: ModuleWriter, axes: tuple[str, ...]) -> int:
    total = 1
    for axis in axes:
        total *= module.expr.size(axis)
    return total


def _view(
    module: ModuleWriter, text: Text, node: Node, heads: tuple[str, ...], values: tuple[str, ...]
) -> Text:
    """The kernel's [batch, time, heads, values] as the read's own axes."""
    expr = module.expr
    if len(values) != 1:
        text = (
            Text(f"{text.atom}.squeeze(-1)")
            if not values
            else Text(f"{text.atom}.unflatten(-1, {expr.sizes(values)})")
        )
    if len(heads) != 1:
        text = (
            Text(f"{text.atom}.squeeze(2)")
            if not heads
            else Text(f"{text.atom}.unflatten(2, {expr.sizes(heads)})")
        )
    return expr.permute(text, node.type.with_axes(heads + values), node.type.axes)
