"""`attend` as a call of the blocked kernel: the score printed as a function of one block.

How a body's expressions are laid out over a block is `pairs`; which order their terms take
is `attend_terms`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from asiarch.codegen.attend_terms import arranged, layouts_of
from asiarch.codegen.expressions import letters_of
from asiarch.codegen.lookahead import tokens_ahead
from asiarch.codegen.pairs import Pairs, Spread, is_product
from asiarch.codegen.plan import Unsupported
from asiarch.codegen.spelling import Text, tuple_of
from asiarch.codegen.writer import Names
from asiarch.ir.function import Function
from asiarch.ir.node import Node, topological

if TYPE_CHECKING:
    from asiarch.codegen.forward import ForwardWriter

Read: TypeAlias = tuple[Node, str, Node]
"""A leaf of the body, the name of what it reads, and the operand."""


@dataclass(frozen=True, slots=True)
class Body:
    """An attend node as it is printed: its reads at t, at j, and of Tensors."""

    node: Node
    function: Function
    layouts: dict[Node, str]
    queries: list[Read]
    attended: list[Read]
    plain: list[Read]
    hint: str
    weigh: str

    @staticmethod
    def of(module: ForwardWriter, node: Node) -> Body:
        function = arranged(node.attr("body"))
        layouts = layouts_of(function)
        reads = list(zip(function.inputs, function.input_names, node.args, strict=True))
        queries, attended, plain = (
            [r for r in reads if layouts[r[0]] == which] for which in ("t", "j", "tensor")
        )
        hint = module.plan.function.hints.get(node) or "o"
        several = sum(n.op == "attend" for n in topological(module.plan.function.roots())) > 1
        weigh = f"weigh_{hint}" if several else "weigh"
        return Body(node, function, layouts, queries, attended, plain, hint, weigh)

    @property
    def numbers(self) -> int:
        """The most entries that a term has for a pair of tokens."""
        sizes = self.function.axes
        pairs = (n for n in topological(self.function.outputs[1:]) if self.layouts[n] == "pair")
        return max((prod(sizes[a].integer or 1 for a in n.type.axes) for n in pairs), default=1)

    @property
    def reads(self) -> list[Read]:
        return [*self.queries, *self.attended, *self.plain]

    @property
    def wide(self) -> bool:
        """Does the value depend on the attending token?"""
        return self.layouts[self.function.outputs[2]] in ("t", "pair")


def print_attend(module: ForwardWriter, node: Node) -> None:
    """The block function, the keys with their caches, and the call."""
    body = Body.of(module, node)
    low, early, ahead = reach(node)
    if early and not module.say.openings:
        low, early = None, 0
    suffix = variant(module, node)
    print_weigh(module, body)
    if module.bare:
        _bare_call(module, body, suffix)
    else:
        _print_call(module, body, (low, early, ahead), suffix)


def variant(module: ForwardWriter, node: Node) -> str:
    """The kernel of a node's weights, as the suffix of its names."""
    return module.kernels.need(
        "bare/attend.py" if module.bare else module.say.kernel("attend"),
        SINK=node.attr("sink"),
        SOFTMAX=node.attr("weight") == "softmax",
        STICK=node.attr("weight") == "stickbreaking",
    )


def reach(node: Node) -> tuple[int | None, int, int]:
    """How many tokens back the condition looks, None for all; how many first tokens of the
    document it looks at beside; how many tokens ahead; refuses one without bound.
    """
    from asiarch.ir.offsets import hull

    found = hull(node.attr("body").outputs[0])
    ahead = tokens_ahead(node)
    if ahead is None:
        raise Unsupported(
            "`attend` reads later tokens without bound; a backend runs what looks at most a known "
            "number of tokens ahead"
        )
    near, early = found.near, found.early.integer
    parted = early and node.attr("block") is not None  # a block's keys must stand together
    if near is None or near.integer is None or early is None or parted:
        return None, 0, ahead
    return max(0, -near.integer), early, ahead


def form(body: Function) -> dict[str, str]:
    """What runs for an attend body, and why, as `module.schedule` says it."""
    layouts = layouts_of(body)
    wide = layouts[body.outputs[2]] in ("t", "pair")
    _, score, value, *more = body.outputs
    if is_product([score, *more, *([value] if wide else [])], layouts):
        note = "values that depend on both tokens are made for every pair" if wide else ""
        return {"form": "product", "note": note}
    return {
        "form": "pairs",
        "note": "the score is no product of two tokens: every term is made for every pair of "
        "tokens of a block, and again for its gradient",
    }


def print_weigh(module: ForwardWriter, body: Body) -> None:
    """`def weigh(t, j, ...)`: condition, score and values of a block of pairs."""
    w, names = module.writer, Names(set(module.names.taken))
    flat = module.plan.function
    locals_ = [names.fresh(n if n not in ("t", "j") else f"{n}_") for _, n, _ in body.reads]
    own = module.say.param(flat.params[0].path) if flat.params else module.say.ordinal
    like = locals_[0] if locals_ else own
    narrow = Pairs(flat, module.say, like=like, layouts=body.layouts)
    spread = Spread(flat, module.say, like=like)
    marks = {"t": "[:, :, None]", "j": "[:, None]", "tensor": ""}
    for (leaf, _, _), local in zip(body.reads, locals_, strict=True):
        narrow.names[leaf] = Text(local)
        spread.names[leaf] = Text(f"{local}{marks[body.layouts[leaf]]}")

    def ready(node: Node, axes: tuple[str, ...]) -> str:
        return (narrow if is_product([node], body.layouts) else spread).ready(node, axes)

    inputs = ", ".join(f"{p}: {module.say.tensor}" for p in ("t", "j", *locals_))
    with w.block(f"def {body.weigh}({inputs}) -> Any:"):
        condition, score, value, *more = body.function.outputs
        axes = score.type.axes
        weighed = ready(score, axes)
        if body.node.attr("weight") in ("sigmoid", "relu2"):
            weighed = module.say.weight(body.node.attr("weight"), weighed)
        last = ready(value, value.type.axes) if body.wide else _value(narrow, body)
        parts = [weighed, narrow.whole_number(condition).text, last]
        parts += [ready(node, axes) for node in more]
        line = f"return {', '.join(parts)}"
        if len(line) <= w.room:
            w.line(line)
        else:
            w.line(f"score = {weighed}")
            w.line(f"return score, {', '.join(parts[1:])}")
    w.line()


def _value(narrow: Pairs, body: Body) -> str:
    """[batch, keys, *axes]; a value that is the same for all tokens is repeated for the keys."""
    value = body.function.outputs[2]
    if body.layouts[value] != "tensor":
        return narrow.whole(value)
    sizes = ["1", "j.shape[-1]", *["-1"] * len(value.type.axes)]
    return narrow.say.expand(narrow.real(value), sizes).text


def _print_call(
    module: ForwardWriter, body: Body, reached: tuple[int | None, int, int], suffix: str
) -> None:
    low, early, ahead = reached
    w, expr, hint = module.writer, module.expr, body.hint
    lead = module.first_stream()
    room = low if low is not None else module.say.unbounded
    keys = {id(r[2]): module.state_key(f"{hint}.{r[1]}", module.zeros(
        "batch", room, *(expr.size(a) for a in r[2].type.axes)))
        for r in body.attended}  # fmt: skip
    place = module.state_key(f"{hint}.t", module.say.origin)
    name = module.names.fresh("keys")
    counted = ""
    if not body.attended and module.say.static:
        counted = module.state_key(f"{hint}.room", module.zeros("batch", room))
    held = "0" if low is not None else _held(body, keys, place, counted)
    options = f"{body.numbers}{keep_text(module, body)}"
    options += f", ahead={ahead}" if ahead else ""
    options += f", early={early}" if early else ""
    options += ', fixed="length" in state' if module.say.static and low is None else ""
    kind = "EarlyKeys" if early else "Keys"
    if early:
        module.kernels.need(module.say.kernel("attend", "early"))
    w.line(f'{name} = {kind}(rows, {low}, state.get("{place}"), {held}, {options})')
    texts: list[str] = []
    opened: list[str] = []
    for _, _, arg in body.attended:
        text = expr.whole_stream(arg, lead)
        if not text.isidentifier():
            text = module.assign(arg, module.plan.function.hints.get(arg) or "x", Text(text))
        key = keys[id(arg)]
        gathered = f'{name}.gather({text}, state.get("{key}"))'
        if early:
            axes = [expr.size(a) for a in arg.type.axes]
            first = module.state_key(f"{key}.first", module.zeros("batch", early, *axes))
            opened.append(f'after["{first}"] = {name}.opening({text}, state.get("{first}"))')
            gathered = f'{name}.behind(after["{first}"], {gathered})'
        texts.append(gathered)
        w.line(
            f'after["{key}"] = {name}.cache({text}, state.get("{key}")) if return_state else None'
        )
    if counted:
        blank = module.say.full(f"{lead}.shape[:2]", "0", expr.like).text
        w.line(f'after["{counted}"] = {name}.cache({blank}, state.get("{counted}"))')
    w.line(f'after["{place}"] = positions(state.get("{place}"), rows, {module.say.counting})[1]')
    for line in opened:
        w.line(line)
    module.kernels.need(module.say.kernel("running", "positions"))
    ready = [expr.whole_stream(r[2], lead) for r in body.queries]
    tensors = [expr.whole(r[2]) for r in body.plain]
    output = module.names.fresh(hint)
    args = [body.weigh, f'"{equation_of(body)}"', name, tuple_of(ready), tuple_of(texts)]
    if tensors:
        args.append(tuple_of(tensors))
    w.line(f"{output} = attend{suffix}({', '.join(args)})")
    module.expr.names[body.node] = Text(output)


def keep_text(module: ForwardWriter, body: Body) -> str:
    """The argument that says which of the allowed keys stay."""
    count, block = body.node.attr("keep"), body.node.attr("block")
    if count is None:
        return ""
    module.kernels.need(module.say.kernel("attend", "chosen"))
    module.kernels.helpers.add("partial")
    size = None if block is None else block.integer
    return f", keep=partial(chosen, count={count.integer}, block={size})"


def _held(body: Body, keys: dict[int, str], place: str, counted: str) -> str:
    """How many keys a state holds of each document."""
    if counted:
        return f'len(state["{counted}"][0]) if state else 0'
    if not body.attended:  # positions alone are attended to
        return f'int(state["{place}"].max()) if state else 0'
    return f'len(state["{keys[id(body.attended[0][2])]}"][0]) if state else 0'


def _bare_call(module: ForwardWriter, body: Body, suffix: str) -> None:
    """All pairs at once."""
    expr, lead = module.expr, module.first_stream()
    streams = [expr.whole_stream(r[2], lead) for r in (*body.queries, *body.attended)]
    plain = [expr.whole(r[2]) for r in body.plain]
    module.writer.line(f"ramp = torch.arange({lead}.shape[1], device={lead}.device)")
    given = ["ramp[None, :, None]", "ramp[None, None]", *streams, *plain]
    pairs = f"{body.weigh}({', '.join(given)})"
    call = f'attend{suffix}("{equation_of(body)}", *{pairs}{keep_text(module, body)})'
    module.assign(body.node, body.hint, Text(call))


def equation_of(body: Body) -> str:
    """weights [batch, *score axes, t, j] and values [batch, j, *axes] -> [batch, t, *axes]."""
    score, value = (n.type.axes for n in body.function.outputs[1:3])
    letters = letters_of([*score, *value], "btj")
    s, v, o = ("".join(letters[a] for a in axes) for axes in (score, value, body.node.type.axes))
    given = f"b{v}tj" if body.wide else f"bj{v}"
    return f"b{s}tj,{given}->bt{o}"
