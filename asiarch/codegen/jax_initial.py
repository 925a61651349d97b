"""What jax functions are made with: initial values of parameters under their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asiarch.codegen.expressions import Expressions
from asiarch.codegen.plan import Part, Unsupported, has_params
from asiarch.codegen.spelling import Text
from asiarch.codegen.writer import Writer
from asiarch.ir.function import Function, ParamInfo
from asiarch.ir.node import Node, topological

if TYPE_CHECKING:
    from asiarch.codegen.jax_module import FunctionWriter


def bodies_of(node: Node) -> tuple[Function, ...]:
    """The functions that a part runs."""
    return (node.attr("function"),) if node.op == "call" else node.attr("bodies")


def parts_with_parameters(m: FunctionWriter) -> list[Node]:
    """Parts that hold parameters, those that nothing reads any more too."""
    called = [s.node for s in m.plan.steps if isinstance(s, Part)]
    paths = {n.attr("path") for n in called}
    every = called + [n for n in m.plan.function.parts if n.attr("path") not in paths]
    return [n for n in every if any(map(has_params, bodies_of(n)))]


def print_init(m: FunctionWriter) -> None:
    """`def init(key, dtype)`."""
    w, flat, parts = m.writer, m.plan.function, parts_with_parameters(m)
    layers = [1 if n.op == "call" else n.attr("count").integer or 0 for n in parts]
    count = len(flat.params) + sum(layers)
    with w.block(f"def {m.named('init')}(key: Array, dtype: Any = jnp.float32) -> Params:"):
        w.line('"""Initial values of the parameters by path, drawn from `key`."""')
        if not count:
            w.line("return {}")
            return
        kept, m.writer = w, Writer(depth=1)
        for param in flat.params:
            _parameter(m, param)
        for node in parts:
            _part(m, node)
        lines, m.writer = m.writer.lines, kept
        if any("next(keys)" in line for line in lines):
            w.line(f"keys = iter(jax.random.split(key, {count}))")
        w.line("params: Params = {}")
        w.lines += lines
        w.line("return params")


def _part(m: FunctionWriter, node: Node) -> None:
    w, path = m.writer, node.attr("path")
    m.say.helpers.add("under")
    if node.op == "call":
        name = m.part(node.attr("function"))
        w.line(f'params |= under("{path}", init_{name}(next(keys), dtype))')
        return
    with w.block(f"for number, layer in enumerate({m.every(node, 'init')}):"):
        w.line(f'params |= under(f"{path}.{{number}}", layer(next(keys), dtype))')


def _parameter(m: FunctionWriter, param: ParamInfo) -> None:
    w, initial = m.writer, param.initial
    target = m.say.param(param.path)
    shape = m.expr.sizes(param.axes) if param.axes else "()"
    if initial.op in ("size", "const"):
        w.line(f"{target} = jnp.full({shape}, {m.expr.of(initial).text}, dtype)")
        return
    like = "jnp.zeros((), dtype)"
    printer = Expressions(m.plan.function, m.say, like=like, special=_no_special)
    printer.draw_like = shape
    order = topological([initial])
    for node in order:
        shared = sum(a is node for n in order for a in n.args) > 1
        if shared and node.op not in ("size", "const", "param"):
            w.line(f"x = {printer.of(node).text}")
            printer.names[node] = Text("x")
    value = printer.fit(initial, param.axes).text
    if initial.op == "draw" and value.startswith("jax.random"):
        w.line(f"{target} = {value}")
        return
    w.line(f"{target} = jnp.broadcast_to({value}, {shape}).astype(dtype)")


def _no_special(node: Node) -> Text:
    raise Unsupported(f"the jax backend cannot initialise with `{node.op}`")
