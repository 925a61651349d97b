"""The lines that compute a plan: the body of a torch `forward` or of a jax function.

What stands around them (a class with parameters, functions over a dict of them) is the backend's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from asiarch.codegen.attend import print_attend
from asiarch.codegen.cell import print_cell
from asiarch.codegen.expressions import Expressions
from asiarch.codegen.fused import fused_text, print_conv
from asiarch.codegen.kernel_calls import print_kernel
from asiarch.codegen.plan import (
    Cell,
    Kernel,
    Let,
    Part,
    Plan,
    Unsupported,
    is_convolution,
    needs,
)
from asiarch.codegen.spelling import Spelling, Text
from asiarch.codegen.writer import Names, Writer
from asiarch.ir.function import Function
from asiarch.ir.node import Node, topological

RESERVED = ("self", "state", "after", "rows", "cu_seqlens", "return_state", "torch", "F", "nn", "t",
            "out", "loss")  # fmt: skip


@dataclass(slots=True)
class Kernels:
    """Kernel files that a module needs, with the flags of each."""

    files: list[tuple[str, dict[str, bool], str]] = field(
        default_factory=list["tuple[str, dict[str, bool], str]"]
    )
    helpers: set[str] = field(default_factory=set[str])

    def need(self, path: str, **flags: bool) -> str:
        """Note a kernel and its flags; the suffix that this variant's names take."""
        variants = [known for known in self.files if known[0] == path]
        for known in variants:
            if known[1] == flags:
                return known[2]
        suffix = f"_{len(variants) + 1}" if variants else ""
        self.files.append((path, flags, suffix))
        return suffix


@dataclass(slots=True)
class ForwardWriter(ABC):
    """Writes what a plan computes. `part` names the class or function of a callee."""

    plan: Plan
    name: str
    kernels: Kernels
    part: Callable[[Function], str]
    say: Spelling
    bare: bool = False
    indent: int = 1
    writer: Writer = field(default_factory=Writer)
    names: Names = field(default_factory=Names)
    states: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    expr: Expressions = field(init=False)
    uses: dict[Node, int] = field(default_factory=dict[Node, int])

    # -- set-up ----------------------------------------------------------------------------------

    def __post_init__(self) -> None:
        self.names.taken.update(RESERVED)
        flat = self.plan.function
        self.expr = Expressions(flat, self.say, like="x", special=self._special)
        for leaf, name in zip(flat.inputs, flat.input_names, strict=True):
            variable = self.names.fresh(name)
            self.expr.names[leaf] = Text(variable)
        for param in flat.params:
            self.expr.names[param.leaf] = Text(self.say.param(param.path))
        self.expr.like = self._like()
        self._count_uses()

    def _like(self) -> str:
        flat = self.plan.function
        for leaf in flat.inputs:
            if leaf.type.mode != "token":
                return self.expr.names[leaf].text
        if flat.params:
            return self.expr.names[flat.params[0].leaf].text
        return self.say.some

    def _count_uses(self) -> None:
        counts: dict[Node, int] = {}
        roots: list[Node] = [*self.plan.function.outputs, *self.plan.function.losses]
        for step in self.plan.steps:
            match step:
                case Let(node):
                    roots += node.args
                case _:
                    roots += needs(step)
        for node in roots:
            counts[node] = counts.get(node, 0) + 1
        self.uses = counts

    def _special(self, node: Node) -> Text:
        """Calls of fused definitions are expressions; what has a state is a variable by now."""
        if node.op == "result":
            call = node.args[0]
            if call.op == "call" and call.attr("function").polymorphic:
                return fused_text(self.expr, call)
        raise Unsupported(f"the {self.say.name} backend has no spelling of `{node.op}`")

    def doc(self) -> list[str]:
        """The docstring: streams, results and sizes."""
        flat = self.plan.function
        streams = ", ".join(
            f"{self.expr.names[i].text} [{', '.join(['batch', 'time', *i.type.axes])}]"
            for i in flat.inputs
            if i.type.stream
        )
        results = "; ".join(f"[{', '.join(['batch', 'time', *o.type.axes])}]" for o in flat.outputs)
        sizes = ", ".join(f"{a} = {s}" for a, s in flat.header.items() if s.integer is not None)
        text = f'"""{flat.name}: {streams} -> {results}'
        whole = f'{text}; {sizes}."""' if sizes else f'{text}."""'
        return [whole] if len(whole) <= 96 else [f"{text}.", "", f"{sizes}.", '"""']

    # -- forward ---------------------------------------------------------------------------------

    def body(self) -> tuple[list[str], str]:
        """The lines of the computation, and the text of its result."""
        kept, self.writer = self.writer, Writer(depth=self.indent)
        self._opening()
        for step in self.plan.steps:
            self._step_lines(step)
        self._losses(self.plan.function)
        lead = self.first_stream()
        result = ", ".join(self.expr.whole_stream(o, lead) for o in self.plan.function.outputs)
        lines, self.writer = self.writer.lines, kept
        return lines, result

    def _opening(self) -> None:
        """Documents and positions."""
        w, lead = self.writer, self.first_stream()
        positional, needs_rows = self._positional(), self._needs_rows()
        if positional:
            self.state("t", self.say.origin)
        if (needs_rows or positional) and not self.bare:
            self.kernels.need(self.say.kernel("rows"))
            w.line(f"rows = Rows({lead}, {self.say.documents})")
        if not positional:
            return
        dtype = f"{self.expr.like}.dtype"
        if not self._counts():  # positions beyond 256 need more digits than bfloat16 has
            dtype = self.say.wider(self.expr.like)
        if self.bare:
            w.line(f"t = torch.arange({lead}.shape[1], dtype={dtype}, device={lead}.device)[None]")
            return
        self.kernels.need(self.say.kernel("running", "positions"))
        w.line(f't, after["t"] = positions(state.get("t"), rows, {dtype})')

    def first_stream(self) -> str:
        for leaf in self.plan.function.inputs:
            if leaf.type.stream:
                return self.expr.names[leaf].text
        raise Unsupported("a module needs a stream to read")

    def _needs_rows(self) -> bool:
        stateful = ("delay", "window", "cumulative", "attend")
        for step in self.plan.steps:
            if isinstance(step, (Kernel, Cell)):
                return True
            if isinstance(step, Let):
                node = step.node
                if node.op in stateful or _is_conv(node):
                    return True
        return False

    def _positional(self) -> bool:
        flat = self.plan.function
        return self._counts() or any(
            n.op == "call" and n.attr("function").name == "rope" for n in topological(flat.roots())
        )

    def _counts(self) -> bool:
        """Does an equation compute with the position itself?"""
        return any(
            n.op == "position" and n.attr("which") == "t"
            for n in topological(self.plan.function.roots())
        )

    def _step_lines(self, step: object) -> None:
        match step:
            case Let(node):
                self._let(node)
            case Kernel():
                print_kernel(self, step)
            case Cell():
                print_cell(self, step)
            case Part(node):
                self._part(node)
            case _:
                raise TypeError(step)

    def _let(self, node: Node) -> None:
        if node in self.expr.names or node.op in ("size", "const", "state"):
            return
        if node.op == "position":
            self.expr.names[node] = Text("t")
            return
        if node.op == "call":
            if _is_conv(node):
                print_conv(self, node)
            return
        if node.op == "result" and node.args[0].op == "call" and node in self.expr.names:
            return
        match node.op:
            case "delay" | "window" | "cumulative":
                self._stateful(node)
                return
            case "attend":
                print_attend(self, node)
                return
            case "whole":
                self._whole(node)
                return
            case _:
                pass
        hint = self.plan.function.hints.get(node)
        text = self.expr.of(node)
        used = self.uses.get(node, 0)
        if node.type.positional and not node.type.stream and hint is None and used <= 1:
            return
        cheap = text.precedence == 100 and len(text.text) < 24 and node.op not in _COSTLY
        if hint is None and (used <= 1 or (cheap and used <= 2)) and len(text.text) < 72:
            return
        self.assign(node, hint or "x", text)

    def assign(self, node: Node, wish: str, text: Text) -> str:
        name = self.names.fresh(wish)
        self.writer.line(f"{name} = {text.text}")
        self.expr.names[node] = Text(name)
        return name

    def state(self, key: str, initial: str) -> str:
        """Note a key of the decode state, and its text before the first token."""
        self.states.append((key, initial))
        return key

    def state_key(self, wish: str, initial: str) -> str:
        """A fresh key of the decode state."""
        key, count = wish, 2
        while any(k == key for k, _ in self.states):
            key, count = f"{wish}_{count}", count + 1
        return self.state(key, initial)

    def outside(self) -> Expressions:
        """A printer for `initial_state`, where none of forward's variables are."""
        flat = self.plan.function
        like = self.say.param(flat.params[0].path) if flat.params else "zeros(())"
        printer = Expressions(flat, self.say, like=like, special=self._special)
        for param in flat.params:
            printer.names[param.leaf] = Text(self.say.param(param.path))
        return printer

    def zeros(self, *shape: int | str, wide: bool = False) -> str:
        """A state of zeros in `initial_state`; wide: kept in float32 at least."""
        return f"zeros({', '.join(map(str, shape))})"

    def _stateful(self, node: Node) -> None:
        x = node.args[0]
        text = self.expr.whole_stream(x, self.first_stream())
        hint = self.plan.function.hints.get(node) or self.plan.function.hints.get(x) or node.op
        shape = [self.expr.size(a) for a in x.type.axes]
        if self.bare:
            self._bare_stateful(node, text, hint)
            return
        if node.op == "cumulative":
            self._cumulative(node, text, hint, shape)
            return
        if node.op == "delay" and node.attr("steps") < 0:
            self.kernels.need(self.say.kernel("delay", "ahead"))
            self.assign(node, f"{hint}_ahead", Text(f"ahead({text}, {-node.attr('steps')}, rows)"))
            return
        self.kernels.need(self.say.kernel("delay"))
        if node.op == "delay":
            steps = node.attr("steps")
            key = self.state_key(f"{hint}.delay", self.zeros("batch", steps, *shape))
            call = f'delay({text}, {steps}, state.get("{key}"), rows)'
        else:
            n, dilation = self.expr.size(node.attr("axis")), node.attr("dilation").integer
            key = self.state_key(f"{hint}.window", self.zeros("batch", (n - 1) * dilation, *shape))
            call = f'window({text}, {n}, {dilation}, state.get("{key}"), rows)'
        name = self.names.fresh(f"{hint}_before" if node.op == "delay" else f"{hint}_window")
        self.writer.line(f'{name}, after["{key}"] = {call}')
        self.expr.names[node] = Text(name)

    def _bare_stateful(self, node: Node, text: str, hint: str) -> None:
        match node.op:
            case "cumulative":
                method = {"sum": "cumsum(1)", "max": "cummax(1).values"}
                running = method.get(node.attr("which"), "logcumsumexp(1)")
                found = f"{Text(text, 0).atom}.{running}"
            case "delay":
                self.kernels.need("bare/delay.py")
                found = f"delay({text}, {node.attr('steps')})"
            case _:
                self.kernels.need("bare/delay.py")
                n, dilation = self.expr.size(node.attr("axis")), node.attr("dilation").integer
                back = ", ".join(f"delay({text}, {(n - 1 - i) * dilation})" for i in range(n))
                found = f"torch.stack(({back}), 2)"
        self.assign(node, f"{hint}_before" if node.op == "delay" else hint, Text(found))

    def _cumulative(self, node: Node, text: str, hint: str, shape: Sequence[int]) -> None:
        """`running(join, x, start, rows)`: the join that the reduction names."""
        which = node.attr("which")
        sizes = "".join(f", {n}" for n in shape)
        initial = self.zeros("batch", *shape)
        initial = initial if which == "sum" else f"{initial} - {self.say.infinity}"
        key = self.state_key(f"{hint}.{which}", initial)
        self.kernels.need(self.say.kernel("running"))
        name = self.names.fresh(hint if hint != node.op else f"running_{which}")
        join = self.say.joins(which)
        start = f'state.get("{key}", {self._start(which, sizes)})'
        self.writer.line(f'{name}, after["{key}"] = running({join}, {text}, {start}, rows)')
        self.expr.names[node] = Text(name)

    def _start(self, which: str, sizes: str) -> str:
        shape = f"(rows.count{sizes or ','})"
        return self.say.full(shape, self.say.lowest(which), self.expr.like).text

    def _whole(self, node: Node) -> None:
        """Reductions over time stand in losses only: over the documents' tokens of the row."""
        x = node.args[0]
        which, over = node.attr("which"), node.attr("over")
        axes = tuple(a for a in over if a != "time")
        dims = ", ".join(
            str(d) for d in [1, *(x.type.axes.index(a) - len(x.type.axes) for a in axes)]
        )
        text = self.expr.of(x).atom
        if which not in ("mean", "sum") or axes:
            raise Unsupported(f"`{which}[time]` in a loss")
        self.expr.names[node] = Text(f"{text}.{which}(({dims},), {self.say.keeping}=True)")

    def _part(self, node: Node) -> None:
        results = [n for n in self.uses if n.op == "result" and n.args[0] is node]
        if node.op == "loop":
            self._layers(node, results)
            return
        args = [self._argument(a) for a in node.args]
        names = self._result_names(node, len(node.attr("function").outputs))
        left = names[0] if len(names) == 1 else f"({', '.join(names)})"
        self.call(node, left, args)

    @abstractmethod
    def call(self, node: Node, left: str, args: list[str]) -> None:
        """A part: its results, and what it leaves in the state."""

    @abstractmethod
    def layers(self, node: Node, left: str, args: list[str]) -> None:
        """A loop over layers: what they carry, and what each leaves in the state."""

    @abstractmethod
    def lose(self, total: str) -> None:
        """What training adds to its loss."""

    def _argument(self, node: Node) -> str:
        stream = node.type.stream
        return (
            self.expr.whole_stream(node, self.first_stream()) if stream else self.expr.whole(node)
        )

    def _result_names(self, node: Node, count: int) -> list[str]:
        names: list[str] = []
        for index in range(count):
            result = next((n for n in self.uses if n.op == "result" and n.args[0] is node
                           and n.attr("index") == index), None)  # fmt: skip
            if result is None:
                names.append("_")
                continue
            hint = self.plan.function.hints.get(result)
            if hint is None and node.op == "call":
                hint = node.attr("path").rsplit(".", 1)[-1]
            name = self.names.fresh(hint or "y")
            names.append(name)
            self.expr.names[result] = Text(name)
        return names

    def _layers(self, node: Node, results: list[Node]) -> None:
        w, carried = self.writer, node.attr("carried")
        lead = self.first_stream()
        variables: list[str] = []
        for index, arg in enumerate(node.args[:carried]):
            result = next((r for r in results if r.attr("index") == index), None)
            leaf = node.attr("bodies")[0].inputs[index]
            hint = leaf.attr("name")
            name = self.names.fresh(hint)
            text = self.expr.whole_stream(arg, lead) if leaf.type.stream else self.expr.whole(arg)
            if text != name:
                w.line(f"{name} = {text}")
            variables.append(name)
            if result is not None:
                self.expr.names[result] = Text(name)
        rest = [self.expr.whole_stream(a, lead) if a.type.stream else self.expr.whole(a)
                for a in node.args[carried:]]  # fmt: skip
        bodies = node.attr("bodies")
        if len({len(f.inputs) for f in bodies}) > 1:
            raise Unsupported("layers that read different values of the enclosing block")
        left = variables[0] if carried == 1 else f"({', '.join(variables)})"
        self.layers(node, left, [*variables, *rest])

    def _losses(self, flat: Function) -> None:
        if not flat.losses:
            return
        total = " + ".join(
            f"{self.expr.of(n).atom}.mean()"
            if n.type.stream or n.type.axes
            else self.expr.of(n).within(20)
            for n in flat.losses
        )
        self.lose(total)


_COSTLY = frozenset({"contract", "exp", "call"})


def _is_conv(node: Node) -> bool:
    return node.op == "call" and is_convolution(node.attr("function"))
