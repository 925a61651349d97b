"""The mixers of the library and the gallery, each as a text of its own: parents, donors of motifs,
and what a rediscovery is named after.

A text holds the definition, the definitions of its file that it calls, and `use` lines. Its claims
are those of a candidate, `where causal`: an edit need not keep the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from asiarch.elaborate.program import Elaborator
from asiarch.fuzz import tree
from asiarch.ir.function import Function
from asiarch.ir.types import Type
from asiarch.language import ast
from asiarch.language.formatter import format
from asiarch.language.parser import parse
from asiarch.search.identity import Identifier

LEFT_OUT = frozenset({"prelude", "models"})
MODEL = Type("seq", ("D",))


@dataclass(frozen=True, slots=True)
class Entry:
    """`name` is FILE.OP; `folder` is "" or `asi_arch`, the gallery."""

    name: str
    text: str
    op: str
    folder: str = ""


def is_mixer(function: Function) -> bool:
    """Is it `(x: Seq[D]) -> Seq[D]`?"""
    kinds = [(n.type.mode, n.type.axes) for n in (*function.inputs, *function.outputs)]
    return function.kind == "op" and kinds == [("seq", ("D",))] * 2


@cache
def entries() -> tuple[Entry, ...]:
    """Every mixer, in order of the files' names."""
    return tuple(_entries())


PANEL = (
    "attention.full", "attention.sliding", "linear_attention.linear_attention",
    "retention.retnet", "gla.gla", "mamba2.mamba2", "hgrn2.hgrn2", "delta_net.delta_net",
    "gated_delta_net.gated_delta_net", "kda.kda", "rwkv6.rwkv6", "griffin.rg_lru",
    "light_rnn.sru_light", "s4.s4d_real",
)  # fmt: skip
"""Known mixers that start a search, of every mechanism."""


def panel() -> tuple[Entry, ...]:
    """The mixers of `panel.asi` where the library has it, else those named in `PANEL`."""
    found = tuple(e for e in entries() if e.name.startswith("panel."))
    return found or tuple(e for e in entries() if e.name in PANEL)


def _entries() -> Iterator[Entry]:
    root = resources.files("asiarch.library")
    for folder, place in (("", root), ("asi_arch", root.joinpath("asi_arch"))):
        for file in sorted(place.iterdir(), key=_named):
            stem, dot, kind = file.name.rpartition(".")
            if dot and kind == "asi" and stem not in LEFT_OUT:
                yield from _of_file(stem, folder, file.read_text(encoding="utf-8"))


def _named(file: Traversable) -> str:
    return file.name


def _of_file(stem: str, folder: str, text: str) -> Iterator[Entry]:
    program = parse(text).program
    for definition in program.definitions:
        if _has_the_interface(definition):
            name = definition.name.id
            yield Entry(f"{stem}.{name}", _alone(text, program, definition, folder), name, folder)


def _has_the_interface(d: ast.Definition) -> bool:
    if d.kind != "op" or len(d.formals) != 1 or len(d.results) != 1:
        return False
    formal = d.formals[0].type
    return formal is not None and all(
        e.name.id == "Seq" and [a.id for a in e.axes or ()] == ["D"] for e in (formal, d.results[0])
    )


def _alone(text: str, program: ast.Program, wanted: ast.Definition, folder: str) -> str:
    """The definition with what it needs, in the one layout."""
    own = {d.name.id: d for d in program.definitions}
    needed, stack = {wanted.name.id: wanted}, [wanted]
    used: set[str] = set()
    while stack:
        for node in tree.nodes(stack.pop()):
            name = called_by(node)
            used.add(name)
            if name in own and name not in needed:
                needed[name] = own[name]
                stack.append(own[name])
    lines = [f"use {_path(use, folder)}\n" for use in program.uses if use.path[-1].id in used]
    parts = [_claimed(text, d) for d in program.definitions if d.name.id in needed]
    return format("".join(lines) + "\n\n".join(parts) + "\n")


def called_by(node: object) -> str:
    """The definition that a node of the tree calls; "" where it calls none."""
    match node:
        case ast.Call() | ast.Pipe():
            return node.name.id
        case ast.Share():
            return node.op.id
        case _:
            return ""


def _path(use: ast.Use, folder: str) -> str:
    path = [n.id for n in use.path]
    beside = (
        folder and resources.files("asiarch.library").joinpath(folder, f"{path[0]}.asi").is_file()
    )
    return ".".join([folder, *path] if beside else path)


def _claimed(text: str, d: ast.Definition) -> str:
    """The definition's text with `where causal` for its claims; a helper may have none."""
    shown = tree.piece(text, d)
    if not d.claims:
        return shown
    start = text.rindex("where", d.span.start, d.claims[0].span.start) - d.span.start
    end = d.claims[-1].span.end - d.span.start
    return shown[:start] + "where causal" + shown[end:]


@dataclass(slots=True)
class Known:
    """Names of identities: what a candidate is a rediscovery of, at the sizes of the search."""

    identifier: Identifier = field(default_factory=Identifier)
    tables: dict[tuple[tuple[str, int], ...], dict[str, str]] = field(
        default_factory=dict[tuple[tuple[str, int], ...], dict[str, str]]
    )

    def name(self, function: Function, sizes: Mapping[str, int], digest: str | None = None) -> str:
        """The name of the library's mixer that the definition is; "" when it is none. `digest`: the
        definition's at those sizes, where it is known.
        """
        return self._table(sizes).get(digest or self._digest(function, sizes), "")

    def _table(self, sizes: Mapping[str, int]) -> dict[str, str]:
        key = tuple(sorted(sizes.items()))
        if key not in self.tables:
            table: dict[str, str] = {}
            for entry in entries():
                table.setdefault(self._digest(function_of(entry.text, entry.op), sizes), entry.name)
            self.tables[key] = table
        return self.tables[key]

    def _digest(self, function: Function, sizes: Mapping[str, int]) -> str:
        mine = {n: v for n, v in sizes.items() if n in function.header}
        return self.identifier.of(function, mine).digest


@cache
def literature() -> Known:
    """The one table of this process: making it takes seconds."""
    return Known()


def function_of(text: str, op: str) -> Function:
    """A definition of a text that checks. Raises KeyError where there is none."""
    elaborator = Elaborator()
    elaborator.load(parse(text, "<text>"), "<text>")
    return elaborator.check_all("<text>")[op]
