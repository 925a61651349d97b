"""What a torch class is made with: parameters under their paths, parts, initial values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asiarch.codegen.expressions import Expressions
from asiarch.codegen.plan import Part, Unsupported, has_params
from asiarch.codegen.spelling import Text
from asiarch.codegen.writer import wrapped
from asiarch.ir.function import Function, ParamInfo
from asiarch.ir.node import Node, topological

if TYPE_CHECKING:
    from asiarch.codegen.torch_module import ModuleWriter


def print_members(m: ModuleWriter) -> None:
    """`__init__`: parameters, groups of them, parts."""
    w, flat = m.writer, m.plan.function
    with w.block("def __init__(self) -> None:"):
        w.line("super().__init__()")
        tree: dict[str, object] = {}
        for param in flat.params:
            _insert(tree, param.path.split("."), m.expr.sizes(param.axes) if param.axes else "()")
        for node in _parts(m):
            _part_member(m, tree, node)
        for name, held in tree.items():
            _member(m, name, held)
        if "annealed" in m.expr.helpers:
            w.line("step = torch.zeros((), dtype=torch.long)")
            w.line('self.register_buffer("training_step", step, persistent=False)')
        if flat.params and not m.bare:
            w.line("self.reset_parameters()")
    w.line()


def _parts(m: ModuleWriter) -> list[Node]:
    """The parts that are called, then those that nothing reads any more: their parameters are
    the program's all the same.
    """
    called = [s.node for s in m.plan.steps if isinstance(s, Part)]
    paths = {n.attr("path") for n in called}
    rest = [n for n in m.plan.function.parts if n.attr("path") not in paths]
    return called + [n for n in rest if any(map(has_params, _bodies(n)))]


def _bodies(node: Node) -> tuple[Function, ...]:
    return (node.attr("function"),) if node.op == "call" else node.attr("bodies")


def _part_member(m: ModuleWriter, tree: dict[str, object], node: Node) -> None:
    path = node.attr("path").split(".")
    if node.op == "call":
        _insert(tree, path, f"{m.part(node.attr('function'))}()")
        return
    bodies, schedule = node.attr("bodies"), node.attr("schedule")
    count = node.attr("count").integer
    classes = [m.part(f) for f in bodies]
    if schedule is None or len(classes) == 1:
        _insert(tree, path, f"nn.ModuleList({classes[0]}() for _ in range({count}))")
        return
    chosen: tuple[int, ...] = schedule
    order = [classes[i] for i in chosen]
    _insert(tree, path, f"nn.ModuleList(part() for part in ({runs(order)}))")


def _member(m: ModuleWriter, name: str, held: object) -> None:
    w = m.writer
    if isinstance(held, dict):
        m.kernels.helpers.add("Group")
        opening, items, closing = _group(held)  # type: ignore[arg-type]
        for line in wrapped(f"self.{name} = {opening}", items, closing, w.room):
            w.line(line)
    elif isinstance(held, str) and held.startswith("("):
        w.line(
            f"self.{name} = nn.Parameter(torch.empty({held.strip('()').rstrip(',')}))"
            if held != "()"
            else f"self.{name} = nn.Parameter(torch.empty(()))"
        )
    else:
        w.line(f"self.{name} = {held}")


def _group(held: dict[str, object]) -> tuple[str, list[str], str]:
    """Members under names, or under the numbers of a repetition that a loop over tokens holds."""
    if all(k.isdigit() for k in held):
        return "nn.ModuleDict({", [f'"{k}": {_nested(v)}' for k, v in held.items()], "})"
    return "Group(", [f"{k}={_nested(v)}" for k, v in held.items()], ")"


def print_reset(m: ModuleWriter) -> None:
    """`reset_parameters`: the initial values."""
    w, flat = m.writer, m.plan.function
    if not flat.params:
        return
    w.line("@torch.no_grad()")
    with w.block("def reset_parameters(self) -> None:"):
        w.line('"""Initial values; every draw from torch\'s generator."""')
        for param in flat.params:
            _initial_lines(m, param)
    w.line()


def _initial_lines(m: ModuleWriter, param: ParamInfo) -> None:
    w, target, initial = m.writer, m.say.param(param.path), param.initial
    if initial.op in ("size", "const"):
        w.line(f"{target}.fill_({m.expr.of(initial).text})")
        return
    if initial.op == "draw" and all(a.op in ("size", "const") for a in initial.args):
        bounds = [m.expr.of(a).text for a in initial.args]
        method = "uniform_" if initial.attr("which") == "uniform" else "normal_"
        if method == "normal_":
            bounds = [f"std={bounds[0]}"]
        w.line(f"{target}.{method}({', '.join(bounds)})")
        return
    printer = Expressions(m.plan.function, m.say, like=target, special=_initial_special)
    printer.draw_like = target
    order = topological([initial])
    for node in order:
        shared = sum(a is node for n in order for a in n.args) > 1
        if shared and node.op not in ("size", "const", "param"):
            w.line(f"x = {printer.of(node).text}")
            printer.names[node] = Text("x")
    w.line(f"{target}.copy_({printer.fit(initial, param.axes).text})")


def _initial_special(node: Node) -> Text:
    raise Unsupported(f"the torch backend cannot initialise with `{node.op}`")


def _insert(tree: dict[str, object], path: list[str], leaf: str) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})  # type: ignore[assignment]
    tree[path[-1]] = leaf


def _nested(held: object) -> str:
    if isinstance(held, dict):
        opening, items, closing = _group(held)  # type: ignore[arg-type]
        return f"{opening}{', '.join(items)}{closing}"
    return str(held)


def runs(order: list[str]) -> str:
    """[A, A, A, B, A, A, A, B] as text that is short for any length: a repeated period, or runs."""
    for period in range(1, len(order) // 2 + 1):
        if len(order) % period == 0 and order == order[:period] * (len(order) // period):
            base = order[:period]
            return f"*[{', '.join(base)}] * {len(order) // period},"
    parts: list[str] = []
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and order[end] == order[start]:
            end += 1
        parts.append(f"*[{order[start]}] * {end - start}")
        start = end
    return ", ".join(parts) + ("," if len(parts) == 1 else "")
