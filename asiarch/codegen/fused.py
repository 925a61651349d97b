"""Fused spellings of library definitions. The laws prove each equal to the definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asiarch.codegen.expressions import Expressions
from asiarch.codegen.spelling import Text
from asiarch.ir.function import Function
from asiarch.ir.node import Node, make, topological

if TYPE_CHECKING:
    from asiarch.codegen.forward import ForwardWriter


def fused_text(expr: Expressions, call: Node) -> Text:
    """The expression of a call of a fused definition (convolutions are statements)."""
    function: Function = call.attr("function")
    x = call.args[0]
    text = expr.of(x)
    match function.name:
        case "silu" | "swish" | "gelu":
            return expr.say.activation(function.name, text)
        case "l2norm":
            return _l2norm(expr, call, text)
        case "rope":
            expr.helpers.add("rope")
            base = function.header["base"].integer
            return Text(f"rope({text.text}, t{'' if base == 10000 else f', {base}'})")
        case "rmsnorm":
            return _norm(expr, call, text, "rms_norm")
        case "layernorm":
            return _norm(expr, call, text, "layer_norm")
        case _:
            raise ValueError(f"no fused spelling of {function.name}")


def _over(call: Node) -> tuple[str, ...]:
    """The axes that a norm runs over, in the caller's names."""
    function: Function = call.attr("function")
    rename = dict(zip(function.inputs[0].type.axes, call.args[0].type.axes, strict=True))
    for node in topological(function.outputs):
        if node.op == "sum":
            over: tuple[str, ...] = node.attr("over")
            return tuple(rename.get(a, a) for a in over)
    raise ValueError(f"{function.name} has no sum")


def _dims(x: Node, over: tuple[str, ...]) -> str:
    numbers = sorted(x.type.axes.index(a) - len(x.type.axes) for a in over)
    return str(numbers[0]) if len(numbers) == 1 else f"({', '.join(map(str, numbers))})"


def _l2norm(expr: Expressions, call: Node, text: Text) -> Text:
    over = _over(call)
    expr.helpers.add("l2norm")
    return Text(f"l2norm({text.text}, {_dims(call.args[0], over)})")


def _norm(expr: Expressions, call: Node, text: Text, spelling: str) -> Text:
    x, over, path = call.args[0], _over(call), call.attr("path")
    params: dict[str, Node] = {}
    rename = dict(zip(call.attr("function").inputs[0].type.axes, x.type.axes, strict=True))
    for param in call.attr("function").params:
        axes = tuple(rename.get(a, a) for a in param.axes)
        leaf = make("param", (), param.leaf.type.with_axes(axes), path=f"{path}.{param.path}",
                    of=expr.function.name)  # fmt: skip
        params[param.path] = leaf
    eps = "1e-6" if spelling == "rms_norm" else "1e-5"
    plain = x.type.axes[-len(over) :] == over and params["weight"].type.axes == over
    if plain and expr.say.norms:
        weights = ", ".join(expr.of(p).text for p in params.values())
        return Text(f"F.{spelling}({text.text}, {expr.sizes(over)}, {weights}, {eps})")
    expr.helpers.add(spelling)
    placed = [expr.fit(p, x.type.axes).text for p in params.values()]
    return Text(f"{spelling}({text.text}, {_dims(x, over)}, {', '.join(placed)})")


def print_conv(module: ForwardWriter, call: Node) -> None:
    """`y, tail = conv(x, taps, dilation, tail, rows)`."""
    x, path = call.args[0], call.attr("path")
    function: Function = call.attr("function")
    window = next(n for n in topological(function.outputs) if n.op == "window")
    n = function.axes[window.attr("axis")].integer
    dilation = window.attr("dilation").integer
    assert n is not None
    assert dilation is not None
    if module.bare:
        _bare_conv(module, call, dilation)
        return
    module.kernels.need(module.say.kernel("conv"))
    shape = [module.expr.size(a) for a in x.type.axes]
    key = module.state_key(path, module.zeros("batch", (n - 1) * dilation, *shape))
    text = module.expr.whole_stream(x, module.first_stream())
    result = next(r for r in module.uses if r.op == "result" and r.args[0] is call)
    name = module.names.fresh("_".join(path.split(".")[-2:]))
    taps = module.say.param(f"{path}.taps")
    module.writer.line(
        f'{name}, after["{key}"] = conv({text}, {taps}, {dilation}, state.get("{key}"), rows)'
    )
    module.expr.names[result] = Text(name)


def _bare_conv(module: ForwardWriter, call: Node, dilation: int) -> None:
    module.kernels.need("bare/conv.py")
    path = call.attr("path")
    text = module.expr.whole_stream(call.args[0], module.first_stream())
    result = next(r for r in module.uses if r.op == "result" and r.args[0] is call)
    spacing = "" if dilation == 1 else f", {dilation}"
    module.assign(
        result, "_".join(path.split(".")[-2:]), Text(f"conv({text}, self.{path}.taps{spacing})")
    )


HELPERS = {
    "Group": '''class Group(nn.Module):
    """Parameters and parts that stand under one name."""

    def __init__(self, **members: Any) -> None:
        super().__init__()
        for name, member in members.items():
            part = isinstance(member, nn.Module)
            setattr(self, name, member if part else nn.Parameter(torch.empty(member)))
''',
    "l2norm": '''def l2norm(x: Tensor, dim: Any) -> Tensor:
    """x over its length along `dim`."""
    return x * torch.rsqrt((x * x).sum(dim, keepdim=True) + 1e-6)
''',
    "rms_norm": '''def rms_norm(x: Tensor, dim: Any, weight: Tensor) -> Tensor:
    """x over its root mean square along `dim`, weighted."""
    return x * torch.rsqrt((x * x).mean(dim, keepdim=True) + 1e-6) * weight
''',
    "layer_norm": '''def layer_norm(x: Tensor, dim: Any, weight: Tensor, bias: Tensor) -> Tensor:
    """x less its mean, over its deviation along `dim`, weighted."""
    x = x - x.mean(dim, keepdim=True)
    return x * torch.rsqrt((x * x).mean(dim, keepdim=True) + 1e-5) * weight + bias
''',
    "rope": '''def rope(x: Tensor, t: Tensor, base: float = 10000) -> Tensor:
    """The last axis of x [B, T, ..., K] as two halves, turned by t * base^(-i / (K / 2))."""
    half = x.shape[-1] // 2
    rate = base ** (-torch.arange(half, dtype=t.dtype, device=x.device) / half)
    angle = t.reshape(*t.shape, *(1,) * (x.dim() - 2)) * rate
    a, b = x.unflatten(-1, (2, half)).unbind(-2)
    cos, sin = torch.cos(angle).to(x.dtype), torch.sin(angle).to(x.dtype)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)
''',
    "rows_of_each": '''def rows_of_each(table: Tensor, ids: Tensor, axes: int) -> Tensor:
    """table [*G, V, ...], ids [batch, time, *G], G of `axes` axes -> [batch, time, *G, ...]."""
    tables = table.flatten(0, axes - 1)
    first = torch.arange(len(tables), device=ids.device).unflatten(0, table.shape[:axes])
    rows = tables.flatten(0, 1).flatten(1)
    return F.embedding(ids + first * table.shape[axes], rows).unflatten(-1, tables.shape[2:])
''',
    "repeat_heads": '''def repeat_heads(state: Tensor | None, count: int) -> Tensor | None:
    """One state for each of `count` queries that share it."""
    return state if state is None else state.repeat_interleave(count, 1)
''',
    "annealed": '''def annealed(part: nn.Module, start: Tensor, end: Tensor, steps: int) -> Tensor:
    """From start to end over the steps of training that `training_step` counts; in evaluation end.
    """
    start, end = torch.broadcast_tensors(start, end)
    if not part.training:
        return end
    return torch.lerp(start, end, (part.training_step / steps).clamp(max=1.0).to(end.dtype))
''',
    "transposed": '''def transposed(state: Tensor | None) -> Tensor | None:
    """The state with keys and values exchanged."""
    return state if state is None else state.mT
''',
    "keep_top": '''def keep_top(x: Tensor, count: int, dim: int) -> Tensor:
    """x where it is among the `count` largest along `dim` (ties: the earlier), 0 elsewhere."""
    order = torch.argsort(x, dim=dim, descending=True, stable=True)
    kept = order.narrow(dim, 0, min(count, x.shape[dim]))
    return x.masked_fill(torch.ones_like(x).scatter(dim, kept, 0.0) > 0, 0.0)
''',
}
