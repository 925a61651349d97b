"""The text form of a function: an SSA listing, printed, and read back to the very same nodes.

    op @ema
      axes D = {D}
      input x = %0
      state m = %2 from %1 to %5
      return %5
      %0 : Seq[D] = input() index=0 name=x of=ema
      %2 : Seq[D] = state() name=m of=ema serial=1
      %5 : Seq[D] = add(%3, %4) ; m

Functions that nodes hold (`@name`) follow the first. Left out is what has no meaning: places in the
source, claims, how axes were bound, and equations that nothing uses.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any, cast
from weakref import WeakValueDictionary

from asiarch.ir.function import Function, ParamInfo, StateInfo
from asiarch.ir.literal import TextError, Tokens, show_name, show_type, show_value
from asiarch.ir.node import LEAVES, Node, make, topological
from asiarch.ir.primitive import registry
from asiarch.ir.size import Size

KINDS = ("op", "model", "loop", "attend", "arm")

# Which node stands at (listing, function, number), while it lives: a node that holds a function is
# one with its original only if it holds the same function, and a function is one by identity.
_PRINTED: WeakValueDictionary[tuple[bytes, str, int], Node] = WeakValueDictionary()


def print_function(function: Function) -> str:
    """The listing of a function and of every function in it; equal for equal functions."""
    labels = _Labels()
    labels.of(function)
    parts: list[str] = []
    holders: list[tuple[str, int, Node]] = []
    for held, label in labels.every():
        nodes = _listed(held)
        parts.append("\n".join(_block(held, label, nodes, labels.of)))
        holders += [(label, i, n) for i, n in enumerate(nodes) if any(held_functions(n))]
    text = "\n\n".join(parts) + "\n"
    digest = _digest(text)
    for label, number, node in holders:
        _PRINTED[digest, label, number] = node
    return text


def read_function(text: str) -> Function:
    """The function of a listing. Raises TextError, which names the line."""
    return _Reader(text).first()


def held_functions(node: Node) -> Iterator[Function]:
    """Functions among a node's attributes, in order."""
    for _, value in node.attrs:
        values = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)
        yield from (v for v in values if isinstance(v, Function))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


# -- printing ------------------------------------------------------------------------------------


class _Labels:
    """A name for every function met, `name~2` for the second of a name."""

    def __init__(self) -> None:
        self.known: dict[int, str] = {}
        self.functions: list[Function] = []
        self.counts: dict[str, int] = {}

    def of(self, function: Function) -> str:
        if id(function) not in self.known:
            count = self.counts[function.name] = self.counts.get(function.name, 0) + 1
            self.known[id(function)] = function.name if count == 1 else f"{function.name}~{count}"
            self.functions.append(function)
        return self.known[id(function)]

    def every(self) -> Iterator[tuple[Function, str]]:
        """Functions in the order met; printing one may add more."""
        for function in self.functions:
            yield function, self.known[id(function)]


def _listed(function: Function) -> list[Node]:
    roots: list[Node] = [*function.inputs]
    for param in function.params:
        roots += [param.initial, param.leaf]
    for state in function.states:
        roots += [state.initial, state.leaf]
    roots += [state.update for state in function.states]
    return topological([*roots, *function.outputs, *function.losses])


def _block(
    function: Function, label: str, nodes: list[Node], label_of: Callable[[Function], str]
) -> Iterator[str]:
    at = {node: f"%{number}" for number, node in enumerate(nodes)}
    yield f"{function.kind} @{label}" + (" polymorphic" if function.polymorphic else "")
    for word in ("header", "defaults", "axes"):
        sizes: dict[str, Size] = getattr(function, word)
        if sizes:
            yield f"  {word} " + ", ".join(f"{show_name(n)} = {{{s}}}" for n, s in sizes.items())
    for name, leaf in zip(function.input_names, function.inputs, strict=True):
        yield f"  input {show_name(name)} = {at[leaf]}"
    for p in function.params:
        axes = ", ".join(map(show_name, p.axes))
        yield f"  param {show_name(p.path)}[{axes}] = {at[p.leaf]} ~ {at[p.initial]}"
    for s in function.states:
        yield f"  state {show_name(s.name)} = {at[s.leaf]} from {at[s.initial]} to {at[s.update]}"
    for word, roots in (("return", function.outputs), ("loss", function.losses)):
        if roots:
            yield f"  {word} " + ", ".join(at[n] for n in roots)
    bound = [f"{show_name(n)} = {at[node]}" for n, node in function.names.items() if node in at]
    if bound:
        yield f"  names {', '.join(bound)}"
    for node in nodes:
        attrs = "".join(f" {k}={show_value(v, label_of)}" for k, v in node.attrs)
        hint = f" ; {show_name(function.hints[node])}" if node in function.hints else ""
        operands = ", ".join(at[a] for a in node.args)
        yield f"  {at[node]} : {show_type(node.type)} = {node.op}({operands}){attrs}{hint}"


# -- reading -------------------------------------------------------------------------------------


class _Reader:
    """Blocks of lines by label, built when first asked for."""

    def __init__(self, text: str) -> None:
        self.digest = _digest(text)
        self.blocks: dict[str, list[tuple[int, str]]] = {}
        self.built: dict[str, Function | None] = {}
        block: list[tuple[int, str]] = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            if not line.startswith(" "):
                label = re.match(r"\w+ @(\S+)", line)
                if label is None or label.group(1) in self.blocks:
                    raise TextError(f"line {number}: expected a function with a label of its own")
                block = self.blocks[label.group(1)] = []
            block.append((number, line))
        if not self.blocks or not block or block[0][1].startswith(" "):
            raise TextError("line 1: expected a function, as in `op @name`")

    def first(self) -> Function:
        return self.function(next(iter(self.blocks)))

    def function(self, label: str) -> Function:
        if label not in self.blocks:
            raise TextError(f"no function @{label} in the text")
        if label not in self.built:
            self.built[label] = None
            self.built[label] = _Block(self, label).build()
        found = self.built[label]
        if found is None:
            raise TextError(f"the function @{label} holds itself")
        return found


class _Block:
    """One function in the making."""

    def __init__(self, reader: _Reader, label: str) -> None:
        self.reader, self.label = reader, label
        self.nodes: dict[str, Node] = {}
        self.hints: dict[Node, str] = {}
        self.live: Iterator[Function] | None = None

    def build(self) -> Function:
        (number, head), *lines = self.reader.blocks[self.label]
        tables: list[tuple[int, Tokens]] = []
        for number, line in lines:
            try:
                self._begin(line)
                tokens = Tokens(line, self._function)
                if line.lstrip().startswith("%"):
                    self._node(tokens)
                else:
                    tables.append((number, tokens))
            except TextError as error:
                raise _at(number, error) from None
        return self._function_of(head, tables)

    def _function(self, label: str) -> Function:
        """The function of `@label` in a node's line: the original's while that lives."""
        return self.reader.function(label) if self.live is None else next(self.live)

    def _begin(self, line: str) -> None:
        match = re.match(r"\s*%(\d+) ", line)
        original = match and _PRINTED.get((self.reader.digest, self.label, int(match.group(1))))
        self.live = held_functions(original) if original else None

    def _node(self, tokens: Tokens) -> None:
        number = tokens.take("node")
        tokens.mark(":")
        kind = tokens.type()
        tokens.mark("=")
        op = tokens.take("name")
        if op not in LEAVES and op not in registry():
            raise TextError(f"there is no primitive {op!r}")
        tokens.mark("(")
        args = self._operands(tokens, ")")
        attrs: dict[str, Any] = {}
        while not tokens.done and not tokens.peek(";"):
            key = tokens.take("name")
            tokens.mark("=")
            attrs[key] = tokens.value()
        if number in self.nodes:
            raise TextError(f"{number} is defined twice")
        node = self.nodes[number] = make(op, args, kind, **attrs)
        if tokens.peek(";"):
            tokens.mark(";")
            self.hints[node] = tokens.name()
        _end(tokens)

    def _operands(self, tokens: Tokens, close: str | None) -> list[Node]:
        out: list[Node] = []
        while not (tokens.done if close is None else tokens.peek(close)):
            if out:
                tokens.mark(",")
            out.append(self._known(tokens))
        if close is not None:
            tokens.mark(close)
        return out

    def _known(self, tokens: Tokens) -> Node:
        number = tokens.take("node")
        if number not in self.nodes:
            raise TextError(f"{number} is not defined above")
        return self.nodes[number]

    def _function_of(self, head: str, tables: list[tuple[int, Tokens]]) -> Function:
        kind, _, rest = head.partition(" ")
        if kind not in KINDS or rest not in (f"@{self.label}", f"@{self.label} polymorphic"):
            raise TextError(f"{head!r} begins no function")
        out: dict[str, dict[str, Any]] = {"header": {}, "defaults": {}, "axes": {}, "names": {}}
        lists: dict[str, list[Any]] = {
            k: [] for k in ("inputs", "input_names", "params", "states", "outputs", "losses")
        }
        for number, tokens in tables:
            try:
                self._table(tokens, out, lists)
                _end(tokens)
            except TextError as error:
                raise _at(number, error) from None
        return Function(
            name=self.label.partition("~")[0],
            kind=kind,
            hints=self.hints,
            polymorphic=rest.endswith(" polymorphic"),
            inputs=tuple(lists["inputs"]),
            input_names=tuple(lists["input_names"]),
            params=tuple(lists["params"]),
            states=tuple(lists["states"]),
            outputs=tuple(lists["outputs"]),
            losses=tuple(lists["losses"]),
            header=out["header"],
            defaults=out["defaults"],
            axes=out["axes"],
            names=out["names"],
        )

    def _table(
        self, tokens: Tokens, out: dict[str, dict[str, Any]], lists: dict[str, list[Any]]
    ) -> None:
        """A line that is no node: sizes, inputs, parameters, states, results, names."""
        match tokens.take("name"):
            case "header" | "defaults" | "axes" as word:
                out[word] = dict(_pairs(tokens, tokens.size))
            case "names":
                out["names"] = dict(_pairs(tokens, lambda: self._known(tokens)))
            case "input":
                lists["input_names"].append(tokens.name())
                tokens.mark("=")
                lists["inputs"].append(self._known(tokens))
            case "param":
                lists["params"].append(self._param(tokens))
            case "state":
                lists["states"].append(self._state(tokens))
            case "return":
                lists["outputs"] += self._operands(tokens, None)
            case "loss":
                lists["losses"] += self._operands(tokens, None)
            case word:
                raise TextError(f"no line begins with {word!r}")

    def _param(self, tokens: Tokens) -> ParamInfo:
        path = tokens.name()
        tokens.mark("[")
        axes = tokens.names("]")
        tokens.mark("=")
        leaf = self._known(tokens)
        tokens.mark("~")
        return ParamInfo(leaf, path, axes, self._known(tokens))

    def _state(self, tokens: Tokens) -> StateInfo:
        name = tokens.name()
        tokens.mark("=")
        leaf = self._known(tokens)
        places: list[Node] = []
        for word in ("from", "to"):
            if not tokens.word(word):
                raise TextError(f"expected {word!r} in the line of state {name}")
            places.append(self._known(tokens))
        return StateInfo(name, leaf, *places)


def _pairs(tokens: Tokens, value: Callable[[], Any]) -> Iterator[tuple[str, Any]]:
    """`name = value, ...` to the end of the line."""
    first = True
    while not tokens.done:
        if not first:
            tokens.mark(",")
        first = False
        name = tokens.name()
        tokens.mark("=")
        yield name, value()


def _end(tokens: Tokens) -> None:
    if not tokens.done:
        raise TextError(f"expected the end of the line, got {tokens.items[tokens.at][1]!r}")


def _at(number: int, error: TextError) -> TextError:
    """The error with its line, unless a line of an inner function is named already."""
    text = str(error)
    return TextError(text if text.startswith("line ") else f"line {number}: {text}")
