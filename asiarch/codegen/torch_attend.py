"""`attend` as a call of the blocked kernel: the score printed as a function of one block.

Inside it a stream read at t is `[batch, queries, *axes]`, read at j `[batch, keys, *axes]`; what
depends on both is `[batch, *axes, queries, keys]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asiarch.codegen.plan import Unsupported
from asiarch.codegen.torch_expr import Expressions, Text, letters_of
from asiarch.codegen.writer import Names
from asiarch.ir import rules
from asiarch.ir.function import Function
from asiarch.ir.node import Node, topological
from asiarch.ir.types import Type

if TYPE_CHECKING:
    from asiarch.codegen.torch_module import ModuleWriter

_LEADS = {"t": "bt", "j": "bj", "tensor": "", "pair": "b"}


@dataclass(slots=True)
class Pairs(Expressions):
    """Expressions of an attend body. `layouts` says of each node what it varies with."""

    layouts: dict[Node, str] | None = None

    def layout(self, node: Node) -> str:
        assert self.layouts is not None
        return self.layouts[node]

    def leading(self, kind: Type) -> int:
        return 2 if kind.stream else 0

    def of(self, node: Node) -> Text:
        found = self.names.get(node)
        if found is None and node.op == "position":
            which = node.attr("which")
            return Text(which if self.integers else f"{which}.to({self.like}.dtype)")
        if found is None and not self.integers and self._distance(node):
            return self._in_integers(node)
        if found is None and node.op == "contract" and self._mixed(node):
            return self._pair_contract(node)
        if found is None and node.op in ("sum", "amax", "amin") and self.layout(node) == "pair":
            return self._pair_reduce(node)
        if found is None and self.layout(node) == "pair" and node.op in _UNPRINTED:
            raise Unsupported(f"`{node.op}` of a pair of tokens in a score")
        return Expressions.of(self, node)

    def _distance(self, node: Node) -> bool:
        """t - j and its like: the difference of two positions has more digits than they have."""
        kind = node.type
        return node.op in ("add", "sub") and kind.positional and kind.stream and rules.whole(node)

    def _in_integers(self, node: Node) -> Text:
        self.integers = True
        text = Expressions.of(self, node)
        self.integers = False
        return Text(f"{text.atom}.to({self.like}.dtype)")

    def _mixed(self, node: Node) -> bool:
        return self.layout(node) == "pair"

    def fit(self, node: Node, axes: tuple[str, ...]) -> Text:
        """The node against `[batch, *axes, queries, keys]` when its user depends on both tokens."""
        if not self.pairing:
            return Expressions.fit(self, node, axes)
        return self.paired(self.of(node), node, axes)

    pairing: bool = False

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
                    text = Text(f"{text.atom}.permute({', '.join(map(str, [*order, n, n + 1]))})")
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
                    text = Text(f"{text.atom}.permute({', '.join(map(str, order))})")
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
        parts = ", ".join(self.of(a).text for a in node.args)
        self.pairing = before
        out = "b" + "".join(letters[a] for a in node.type.axes) + "tj"
        return Text(f'torch.einsum("{names(left)},{names(right)}->{out}", {parts})')

    def _pair_reduce(self, node: Node) -> Text:
        axes = node.args[0].type.axes
        dims = sorted(axes.index(a) - len(axes) - 2 for a in node.attr("over"))
        text = str(dims[0]) if len(dims) == 1 else f"({', '.join(map(str, dims))})"
        return Text(f"{self.of(node.args[0]).atom}.{node.op}({text})")


_UNPRINTED = frozenset({"softmax", "cumsum", "topk", "stack", "split", "merge", "expand", "pick",
                        "order", "rename", "call", "result", "gather"})  # fmt: skip


def _layouts(body: Function) -> dict[Node, str]:
    out: dict[Node, str] = {}
    for node in topological([*body.inputs, *body.outputs]):
        if node.op == "at":
            out[node] = node.attr("which")
        elif node.op == "position":
            out[node] = "pair"
        elif node in body.inputs:
            out[node] = "t" if node.type.stream else "tensor"
        else:
            kinds = {out[a] for a in node.args} - {"tensor"}
            out[node] = "tensor" if not kinds else kinds.pop() if len(kinds) == 1 else "pair"
    return out


def print_attend(module: ModuleWriter, node: Node) -> None:
    """The block function, the keys with their caches, and the call."""
    body: Function = node.attr("body")
    if node.attr("keep") is not None or node.attr("weight") == "stickbreaking":
        raise Unsupported("`keep:` and ordered weights in `attend`")
    layouts = _layouts(body)
    value = body.outputs[2]
    if layouts[value] not in ("j", "tensor"):
        raise Unsupported("a `value:` that depends on the attending token")
    low = reach(module, node)
    suffix = module.kernels.need(
        "bare/attend.py" if module.bare else "attend/torch.py",
        SINK=node.attr("sink"),
        SOFTMAX=node.attr("weight") == "softmax",
    )
    hint = module.plan.function.hints.get(node) or "o"
    names = Names(set(module.names.taken))
    reads = list(zip(body.inputs, body.input_names, node.args, strict=True))
    queries = [r for r in reads if layouts[r[0]] == "t"]
    attended = [r for r in reads if layouts[r[0]] == "j"]
    plain = [r for r in reads if layouts[r[0]] == "tensor"]
    printer = Pairs(module.plan.function, like="", layouts=layouts)
    printer.helpers = module.expr.helpers
    params: list[str] = []
    for leaf, name, _ in (*queries, *attended, *plain):
        local = names.fresh(name if name not in ("t", "j") else f"{name}_")
        printer.names[leaf] = Text(local)
        params.append(local)
    printer.like = params[0]
    _print_weigh(module, node, printer, params, f"weigh_{hint}" if _several(module) else "weigh")
    _print_call(module, node, printer, (queries, attended, plain), low, hint, suffix)


def _several(module: ModuleWriter) -> bool:
    return sum(1 for n in topological(module.plan.function.roots()) if n.op == "attend") > 1


def reach(module: ModuleWriter, node: Node) -> int | None:
    """How many tokens back the condition looks, None for all; refuses one that looks ahead."""
    from asiarch.ir.offsets import hull

    found = hull(node.attr("body").outputs[0])
    high = found.high
    if high is None or (high.constant is not None and high.constant > 0):
        raise Unsupported(
            "`attend` reads tokens after the attending one; a backend runs causal programs"
        )
    if found.low is None or found.low.integer is None:
        return None
    return -found.low.integer


def _print_weigh(
    module: ModuleWriter, node: Node, printer: Pairs, params: list[str], name: str
) -> None:
    body: Function = node.attr("body")
    w = module.writer
    with w.block(
        f"def {name}(t: Tensor, j: Tensor, {', '.join(f'{p}: Tensor' for p in params)}) -> Any:"
    ):
        printer.integers = True
        printer.pairing = False
        allowed = printer.of(body.outputs[0])
        printer.integers = False
        score = _in_pairs(printer, body.outputs[1])
        if node.attr("weight") == "sigmoid":
            score = Text(f"torch.sigmoid({score.text})")
        elif node.attr("weight") == "relu2":
            score = Text(f"F.relu({score.text}).square()")
        parts = [score.text, allowed.text, printer.of(body.outputs[2]).text]
        if node.attr("sink"):
            parts.append(_sink(printer, body.outputs[3], body.outputs[1].type.axes))
        line = f"return {', '.join(parts)}"
        if len(line) <= w.room:
            w.line(line)
        else:
            w.line(f"score = {score.text}")
            w.line(f"return score, {', '.join(parts[1:])}")
    w.line()


def _in_pairs(printer: Pairs, node: Node) -> Text:
    if printer.layout(node) == "pair":
        return printer.of(node)
    return printer.paired(printer.of(node), node, node.type.axes)


def _sink(printer: Pairs, node: Node, axes: tuple[str, ...]) -> str:
    """A logit for every query, against [batch, *axes, queries, 1]."""
    if printer.layout(node) == "tensor" and not node.type.axes:
        number = node.op in ("size", "const")
        text = printer.of(node).text
        return f"{printer.like}.new_tensor({text})" if number else text
    return printer.paired(printer.of(node), node, axes).text


def _print_call(
    module: ModuleWriter,
    node: Node,
    printer: Pairs,
    groups: tuple[list[tuple[Node, str, Node]], ...],
    low: int | None,
    hint: str,
    suffix: str,
) -> None:
    w, expr = module.writer, module.expr
    queries, attended, plain = groups
    lead = module.first_stream()
    if module.bare:
        _bare_call(module, node, groups, hint, suffix)
        return
    body: Function = node.attr("body")
    keys = {id(r[2]): module.state_key(f"{hint}.{r[1]}", module.zeros(
        "batch", low if low is not None else 0, *(expr.size(a) for a in r[2].type.axes)))
        for r in attended}  # fmt: skip
    place = module.state_key(f"{hint}.t", "torch.zeros(batch, dtype=torch.long)")
    name = module.names.fresh("keys")
    held = (
        "0" if low is not None else f'len(state["{keys[id(attended[0][2])]}"][0]) if state else 0'
    )
    w.line(f'{name} = Keys{suffix}(rows, {low}, state.get("{place}"), {held})')
    texts: list[str] = []
    for _, _, arg in attended:
        text = expr.whole_stream(arg, lead)
        if not text.isidentifier():
            text = module.assign(arg, module.plan.function.hints.get(arg) or "x", Text(text))
        key = keys[id(arg)]
        texts.append(f'{name}.gather({text}, state.get("{key}"))')
        w.line(
            f'after["{key}"] = {name}.cache({text}, state.get("{key}")) if return_state else None'
        )
    w.line(f'after["{place}"] = positions(state.get("{place}"), rows, torch.long)[1]')
    module.kernels.need("running/positions.py")
    equation = _equation(node, body)
    ready = [expr.whole_stream(r[2], lead) for r in queries]
    tensors = [expr.whole(r[2]) for r in plain]
    output = module.names.fresh(hint)
    weigh = f"weigh_{hint}" if _several(module) else "weigh"
    args = [weigh, f'"{equation}"', name, _tuple(ready), _tuple(texts)]
    if tensors:
        args.append(_tuple(tensors))
    w.line(f"{output} = attend{suffix}({', '.join(args)})")
    module.expr.names[node] = Text(output)


def _bare_call(
    module: ModuleWriter,
    node: Node,
    groups: tuple[list[tuple[Node, str, Node]], ...],
    hint: str,
    suffix: str,
) -> None:
    """All pairs at once."""
    expr, lead = module.expr, module.first_stream()
    streams = [expr.whole_stream(r[2], lead) for g in groups[:2] for r in g]
    plain = [expr.whole(r[2]) for r in groups[2]]
    module.writer.line(f"ramp = torch.arange({lead}.shape[1], device={lead}.device)")
    weigh = f"weigh_{hint}" if _several(module) else "weigh"
    pairs = f"{weigh}({', '.join(['ramp[None, :, None]', 'ramp[None, None]', *streams, *plain])})"
    equation = _equation(node, node.attr("body"))
    module.assign(node, hint, Text(f'attend{suffix}("{equation}", *{pairs})'))


def _tuple(items: list[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _equation(node: Node, body: Function) -> str:
    """weights [batch, *score axes, t, j] and values [batch, j, *axes] -> [batch, t, *axes]."""
    score, value = body.outputs[1].type.axes, body.outputs[2].type.axes
    letters = letters_of([*score, *value], "btj")
    s, v, o = ("".join(letters[a] for a in axes) for axes in (score, value, node.type.axes))
    return f"b{s}tj,bj{v}->bt{o}"
