"""One plan as one torch class: parameters, forward, step, initial state."""

from __future__ import annotations

from dataclasses import dataclass, field

from asiarch.codegen.forward import ForwardWriter
from asiarch.codegen.lookahead import looks_ahead, why_no_state
from asiarch.codegen.torch_members import print_members, print_reset
from asiarch.codegen.writer import Writer, wrapped
from asiarch.ir.node import Node


@dataclass(slots=True)
class ModuleWriter(ForwardWriter):
    """Writes `class Name(nn.Module)` for a plan."""

    indent: int = 2
    ahead: bool = field(init=False)

    def __post_init__(self) -> None:
        ForwardWriter.__post_init__(self)
        self.ahead = looks_ahead(self.plan.function)

    # -- class -----------------------------------------------------------------------------------

    def write(self) -> str:
        body, result = self.body()
        forward = self._signature(self._returning(body, result))
        w = self.writer
        with w.block(f"class {self.name}(nn.Module):"):
            for line in self.doc():
                w.line(line)
            w.line()
            print_members(self)
            if not self.bare:
                print_reset(self)
            w.lines += forward
            if self.ahead and not self.bare:
                self._refusal()
            elif not self.bare:
                self._step()
                self._initial_state()
        return w.text()

    # -- forward ---------------------------------------------------------------------------------

    def _returning(self, body: list[str], result: str) -> list[str]:
        end = Writer(depth=2)
        if self.bare or self.ahead:
            end.line(f"return {result}")
            return [*body, *end.lines]
        if len(self.plan.function.outputs) > 1 or not result.isidentifier():
            end.line(f"out = {result}")
            result = "out"
        end.line(f"return ({result}, after) if return_state else {result}")
        return [*body, *end.lines]

    def _signature(self, body: list[str]) -> list[str]:
        flat = self.plan.function
        streams = [self.expr.names[i].text for i in flat.inputs]
        head = Writer(depth=1)
        if self.bare:
            head.line(
                f"def forward({', '.join(['self', *(f'{s}: Tensor' for s in streams)])}) -> Any:"
            )
            return [*head.lines, *body, ""]
        inputs = [f"{s}: Tensor" for s in streams]
        if self.ahead:
            return [*self._whole_rows(inputs).lines, *body, ""]
        options = ["state: dict[str, Any] | None = None", "cu_seqlens: Tensor | None = None",
                   "return_state: bool = False"]  # fmt: skip
        for line in wrapped("def forward(", ["self", *inputs, *options], ") -> Any:", head.room):
            head.line(line)
        head.depth = 2
        head.line('"""Whole rows, or rows packed at `cu_seqlens`, from `state` on."""')
        head.line("state, after = state or {}, {}")
        return [*head.lines, *body, ""]

    def _whole_rows(self, inputs: list[str]) -> Writer:
        """The head of a forward that has no state to go on from."""
        head = Writer(depth=1)
        options = ["cu_seqlens: Tensor | None = None", "**state: Any"]
        for line in wrapped("def forward(", ["self", *inputs, *options], ") -> Any:", head.room):
            head.line(line)
        head.depth = 2
        head.line('"""Whole rows, or rows packed at `cu_seqlens`."""')
        with head.block("if state:"):
            head.line("raise TypeError(self.why_no_state)")
        head.line("after, return_state = {}, False")
        return head

    def _refusal(self) -> None:
        """In place of a step: what says why there is none."""
        w = self.writer
        text = why_no_state(self.plan.function)
        w.line(f'why_no_state = "{text}"')
        w.line()
        with w.block("def __getattr__(self, name: str) -> Any:"):
            with w.block('if name in ("step", "initial_state"):'):
                w.line("raise AttributeError(self.why_no_state)")
            w.line("return super().__getattr__(name)")

    # -- parts -----------------------------------------------------------------------------------

    def call(self, node: Node, left: str, args: list[str]) -> None:
        path = node.attr("path")
        target = f"self.{path}"
        if self.bare or looks_ahead(node.attr("function")):
            packed = [] if self.bare else ["cu_seqlens=cu_seqlens"]
            self.writer.line(f"{left} = {target}({', '.join([*args, *packed])})")
            return
        self.state(path, f"{target}.initial_state(batch)")
        options = f'state=state.get("{path}"), cu_seqlens=cu_seqlens, return_state=True'
        self.writer.line(f'{left}, after["{path}"] = {target}({", ".join(args)}, {options})')

    def layers(self, node: Node, left: str, args: list[str]) -> None:
        w, path = self.writer, node.attr("path")
        target = f"self.{path}"
        if self.bare or any(looks_ahead(f) for f in node.attr("bodies")):
            packed = [] if self.bare else ["cu_seqlens=cu_seqlens"]
            with w.block(f"for layer in {target}:"):
                w.line(f"{left} = layer({', '.join([*args, *packed])})")
            return
        self.state(path, f"[layer.initial_state(batch) for layer in {target}]")
        w.line(f'after["{path}"] = []')
        w.line(f'before = state.get("{path}") or [None] * len({target})')
        with w.block(f"for layer, last in zip({target}, before, strict=True):"):
            options = "state=last, cu_seqlens=cu_seqlens, return_state=True"
            w.line(f"{left}, last = layer({', '.join(args)}, {options})")
            w.line(f'after["{path}"].append(last)')

    def lose(self, total: str) -> None:
        self.writer.line(f"self.auxiliary_loss = {total}")

    # -- decoding --------------------------------------------------------------------------------

    def _step(self) -> None:
        w, flat = self.writer, self.plan.function
        streams = [(self.expr.names[i].text, i.type.stream) for i in flat.inputs]
        inputs = ", ".join(f"{s}: Tensor" for s, _ in streams)
        call = ", ".join(f"{s}[:, None]" if stream else s for s, stream in streams)
        with w.block(
            f"def step(self, {inputs}, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:"
        ):
            w.line('"""One token: streams without their time axis."""')
            w.line(f"out, state = self({call}, state=state, return_state=True)")
            if len(flat.outputs) == 1:
                w.line("return out[:, 0], state")
            else:
                w.line("return tuple(o[:, 0] for o in out), state")
        w.line()

    def _initial_state(self) -> None:
        w, flat = self.writer, self.plan.function
        with w.block("def initial_state(self, batch: int) -> dict[str, Any]:"):
            w.line('"""The state before the first token."""')
            if any("zeros(" in text for _, text in self.states):
                if flat.params:
                    like = self.say.param(flat.params[0].path)
                    w.line(
                        f"zeros = partial(torch.zeros, dtype={like}.dtype, device={like}.device)"
                    )
                    self.kernels.helpers.add("partial")
                else:
                    w.line("zeros = torch.zeros")
            items = [f'"{key}": {text}' for key, text in self.states]
            for line in wrapped("return {", items, "}", w.room):
                w.line(line)
