"""One plan as jax functions over a dict of parameters: forward, step, initial state."""

from __future__ import annotations

from dataclasses import dataclass, field

from asiarch.codegen.attend import reach
from asiarch.codegen.forward import ForwardWriter
from asiarch.codegen.jax_initial import bodies_of, parts_with_parameters, print_init
from asiarch.codegen.lookahead import looks_ahead
from asiarch.codegen.plan import Unsupported
from asiarch.codegen.spelling import tuple_of
from asiarch.codegen.torch_members import runs
from asiarch.codegen.writer import wrapped
from asiarch.ir.function import Function
from asiarch.ir.node import Node, topological

TAKEN = frozenset({"params", "segment_ids", "training", "batch", "dtype", "keys", "key", "given",
                   "start", "last", "before", "wide", "layer", "number", "jnp", "jax", "lax",
                   "Array", "Params", "Training", "apply", "init", "step", "initial_state",
                   "within", "under", "expand", "flatten", "unflatten"})  # fmt: skip


FUNCTIONS = ("apply", "init", "state_of")


def grows(function: Function) -> bool:
    """Does any attend keep all tokens, so that a state may be given a length?"""
    attends = [n for n in topological(function.roots()) if n.op == "attend"]
    reached = [reach(n)[:2] for n in attends]
    return any(low is None or early for low, early in reached) or any(
        grows(f) for _, f in function.children()
    )


def trains(function: Function) -> bool:
    """Is anything in it different in training: dropout, annealing, losses?"""
    nodes = topological(function.roots())
    return (
        bool(function.losses)
        or any(n.op in ("dropout", "anneal") for n in nodes)
        or any(trains(f) for _, f in function.children())
    )


@dataclass(slots=True)
class FunctionWriter(ForwardWriter):
    """Writes `apply_name(params, *streams, ...)`, `init_name(key)`, `state_of_name(params, batch)`;
    those of the entry, which has no name, are `apply`, `init`, `initial_state` and `step`.
    """

    ahead: bool = field(init=False)
    training: bool = field(init=False)
    grows: bool = field(init=False)

    def __post_init__(self) -> None:
        self.names.taken.update(TAKEN)
        bodies = [f for node in self.plan.function.parts for f in bodies_of(node)]
        self.names.taken.update(f"{what}_{self.part(f)}" for f in bodies for what in FUNCTIONS)
        ForwardWriter.__post_init__(self)
        self.ahead = looks_ahead(self.plan.function)
        self.training = trains(self.plan.function)
        self.grows = not self.ahead and grows(self.plan.function)
        if self.training:
            self.say.helpers.add("Training")

    def write(self) -> str:
        body, result = self.body()
        w = self.writer
        print_init(self)
        self._blank()
        self._signature()
        w.lines += body
        w.depth = 1
        if self.ahead:
            w.line(f"return {result}")
        else:
            if len(self.plan.function.outputs) > 1 or not result.isidentifier():
                w.line(f"out = {result}")
                result = "out"
            w.line(f"return ({result}, after) if return_state else {result}")
        w.depth = 0
        if not self.ahead:
            self._blank()
            self._initial_state()
            if not self.name:
                self._blank()
                self._step()
        return w.text()

    def named(self, what: str) -> str:
        """The name of one of this definition's functions."""
        return f"{what}_{self.name}" if self.name else what

    def _blank(self) -> None:
        self.writer.line()
        self.writer.line()

    # -- signature -------------------------------------------------------------------------------

    def _signature(self) -> None:
        w = self.writer
        streams = [self.expr.names[i].text for i in self.plan.function.inputs]
        inputs = ["params: Params", *(f"{s}: Array" for s in streams)]
        options = ["segment_ids: Any = None"]
        if not self.ahead:
            options = ["state: Any = None", *options, "return_state: bool = False"]
        if self.training:
            options.append("training: Training | None = None")
        name = self.named("apply")
        for line in wrapped(f"def {name}(", [*inputs, *options], ") -> Any:", w.room):
            w.line(line)
        w.depth = 1
        for line in self.doc():
            w.line(line)
        if self.ahead:
            w.line("state, after, return_state = {}, {}, False")
            return
        w.line("state, after = state or {}, {}")
        if self.grows:
            with w.block('if "length" in state:'):
                w.line('after["length"] = ()')

    # -- parts -----------------------------------------------------------------------------------

    def zeros(self, *shape: int | str, wide: bool = False) -> str:
        kind = "wide" if wide else "dtype"
        return f"jnp.zeros({tuple_of([str(n) for n in shape])}, {kind})"

    def _options(self, function: Function, state: str) -> str:
        chosen = ["segment_ids=segment_ids"]
        if not looks_ahead(function):
            chosen = [f"state={state}", *chosen, "return_state=True"]
        if trains(function):
            chosen.append("training=training")
        return ", ".join(chosen)

    def call(self, node: Node, left: str, args: list[str]) -> None:
        path, function = node.attr("path"), node.attr("function")
        name = self.part(function)
        self.say.helpers.add("within")
        options = self._options(function, f'state.get("{path}")')
        given = f'within(params, "{path}")'
        call = f"apply_{name}({', '.join([given, *args, options])})"
        if looks_ahead(function):
            self.writer.line(f"{left} = {call}")
            return
        self.state(path, f"state_of_{name}({given}, batch{_length(function)})")
        self.writer.line(f'{left}, after["{path}"] = {call}')

    def layers(self, node: Node, left: str, args: list[str]) -> None:
        w, path, bodies = self.writer, node.attr("path"), node.attr("bodies")
        self.say.helpers.add("within")
        ahead = any(looks_ahead(f) for f in bodies)
        options = self._options(bodies[0], "last")
        if len({self._options(f, "last") for f in bodies}) > 1:
            raise Unsupported("layers of which some look ahead or train apart and others do not")
        given = f'within(params, f"{path}.{{number}}")'
        every = self.every(node, "apply")
        if ahead:
            with w.block(f"for number, layer in enumerate({every}):"):
                w.line(f"{left} = layer({', '.join([given, *args, options])})")
            return
        length = _length(*bodies)
        if length and not all(map(grows, bodies)):
            raise Unsupported("layers of which some keep all tokens and others do not")
        self.state(path, f"[start({given}, batch{length}) for number, start in "
                         f"enumerate({self.every(node, 'state_of')})]")  # fmt: skip
        count = node.attr("count").integer
        w.line(f'after["{path}"] = []')
        w.line(f'before = state.get("{path}") or [None] * {count}')
        head = f"for number, (layer, last) in enumerate(zip({every}, before, strict=True)):"
        with w.block(head):
            w.line(f"{left}, last = layer({', '.join([given, *args, options])})")
            w.line(f'after["{path}"].append(last)')

    def every(self, node: Node, what: str) -> str:
        """A function of every layer, as a sequence."""
        bodies, schedule = node.attr("bodies"), node.attr("schedule")
        count = node.attr("count").integer
        names = [f"{what}_{self.part(f)}" for f in bodies]
        if schedule is None or len(names) == 1:
            return f"[{names[0]}] * {count}"
        order: tuple[int, ...] = schedule
        return f"({runs([names[i] for i in order])})"

    def lose(self, total: str) -> None:
        with self.writer.block("if training is not None:"):
            self.writer.line(f"training.losses.append({total})")

    # -- decoding --------------------------------------------------------------------------------

    def _initial_state(self) -> None:
        w = self.writer
        name = f"state_of_{self.name}" if self.name else "initial_state"
        options = ", length: int | None = None" if self.grows else ""
        with w.block(f"def {name}(params: Params, batch: int{options}) -> dict[str, Any]:"):
            w.line('"""The state before the first token."""')
            if self.grows:
                w.lines[-1:] = [f"    {line}" for line in LENGTH]
            texts = " ".join(text for _, text in self.states)
            if " dtype)" in texts or " wide)" in texts:
                owned = self.plan.function.params or parts_with_parameters(self)
                like = self.say.some if owned else "jnp.zeros(())"
                w.line(f"dtype = {like}.dtype")
            if " wide)" in texts:
                w.line("wide = jnp.promote_types(dtype, jnp.float32)")
            items = [f'"{key}": {text}' for key, text in self.states]
            if self.grows:
                items.append('**({} if length is None else {"length": ()})')
            flat = f"return {{{', '.join(items)}}}"
            if len(flat) <= w.room:
                w.line(flat)
                return
            with w.block("return {"):
                for item in items:
                    self._item(item)
            w.line("}")

    def _item(self, item: str) -> None:
        """An item of a dict; a list over layers on several lines."""
        w = self.writer
        head, loop, tail = item.partition(" for number, start in ")
        if not loop or len(item) < w.room:
            w.line(f"{item},")
            return
        key, _, head = head.partition("[")
        with w.block(f"{key}["):
            w.line(head)
            w.line(f"for number, start in {tail[:-1]}")
        w.line("],")

    def _step(self) -> None:
        w, flat = self.writer, self.plan.function
        streams = [(self.expr.names[i].text, i.type.stream) for i in flat.inputs]
        inputs = ", ".join(f"{s}: Array" for s, _ in streams)
        call = ", ".join(f"{s}[:, None]" if stream else s for s, stream in streams)
        head = f"def step(params: Params, {inputs}, state: Any) -> tuple[Any, Any]:"
        with w.block(head):
            w.line('"""One token: streams without their time axis."""')
            w.line(f"out, state = apply(params, {call}, state=state, return_state=True)")
            if len(flat.outputs) == 1:
                w.line("return out[:, 0], state")
            else:
                w.line("return tuple(o[:, 0] for o in out), state")


LENGTH = (
    '"""The state before the first token.',
    "",
    "length: room for so many tokens, which later calls keep; None: states grow with each call.",
    '"""',
)


def _length(*functions: Function) -> str:
    return ", length" if any(map(grows, functions)) else ""
