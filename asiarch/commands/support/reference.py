"""The operator reference as data, read off the registry of primitives, the prelude and examples.

Nothing here lists operators: a new primitive's file, or a new definition, is a new entry.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from asiarch.ir.primitive import Primitive, registry

SYNTAX = "Written as syntax"
OPERATORS = "Primitives"
POINTWISE = "Primitives, entry by entry"
_DEFINITION = re.compile(r"^op (\w+)(\[[^\]]*\])?\(([^)]*)\)", re.MULTILINE)
_WIDEST = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One operator. `definition` is its text in the language, empty for a primitive."""

    name: str
    group: str
    signature: str
    summary: str
    text: str
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """A line that calls an operator, and the file that has it."""

    line: str
    file: str


def entries() -> dict[str, Entry]:
    """Every operator that a program can write, by the word that calls it."""
    found: dict[str, Entry] = {}
    for primitive in sorted(registry().values(), key=lambda p: (_group(p), _word(p))):
        if primitive.signature or primitive.build:
            found.setdefault(_word(primitive), _primitive(primitive))
    for entry in _prelude():
        found.setdefault(entry.name, entry)
    return found


def uses_of(name: str, most: int) -> list[Use]:
    """Lines of the library and of the examples that call the operator, the shortest first."""
    word = re.escape(name)
    call = re.compile(rf"(?<![\w.]){word}(?:\[[^\]]*\])?\(|\|> {word}\b")
    found: dict[str, Use] = {}
    for file in _programs():
        for line in file.read_text(encoding="utf-8").splitlines():
            shown = line.strip()
            if len(shown) > _WIDEST or shown.startswith(("#", f"op {name}")):
                continue
            if call.search(shown):
                found.setdefault(shown, Use(shown, file.name))
    return sorted(found.values(), key=lambda use: (len(use.line), use.line))[:most]


def _word(primitive: Primitive) -> str:
    return primitive.symbol if primitive.symbol.isidentifier() else primitive.name


def _group(primitive: Primitive) -> str:
    if primitive.build is None:
        return SYNTAX
    return POINTWISE if primitive.kind == "pointwise" else OPERATORS


def _primitive(primitive: Primitive) -> Entry:
    signature = primitive.signature or f"{_word(primitive)}({', '.join(_formals(primitive))})"
    return Entry(
        name=_word(primitive),
        group=_group(primitive),
        signature=signature,
        summary=primitive.doc,
        text=_module_doc(primitive) or primitive.doc,
    )


def _formals(primitive: Primitive) -> list[str]:
    return ["x", "y", "z"][: max(1, len(primitive.derivative))]


def _module_doc(primitive: Primitive) -> str:
    """The docstring of the primitive's file, which says more than its one line."""
    for function in (primitive.build, primitive.evaluate):
        module = sys.modules.get(getattr(function, "__module__", ""))
        if module is not None and module.__name__.startswith("asiarch.ir.primitives."):
            return (module.__doc__ or "").strip()
    return ""


def _prelude() -> Iterator[Entry]:
    """Definitions of the prelude, with the comment above each, grouped by its headings."""
    text = (resources.files("asiarch.library") / "prelude.asi").read_text(encoding="utf-8")
    group, comment = "", ""
    for chunk in re.split(r"\n\s*\n|\n(?=op )", text):
        lines = chunk.strip().splitlines()
        notes = [line.lstrip("# ") for line in lines if line.startswith("#")]
        heading = next((line for line in lines if line.startswith("# -- ")), None)
        if heading:
            group = f"Prelude, {heading.removeprefix('# -- ')}"
            comment = ""
        elif notes:
            comment = " ".join(notes)
        match = _DEFINITION.search(chunk)
        if match:
            yield _defined(match, chunk[match.start() :].strip(), group, comment)
            comment = ""


def _defined(match: re.Match[str], text: str, group: str, comment: str) -> Entry:
    name, header, formals = match.group(1), match.group(2) or "", match.group(3)
    signature = f"{name}{header}({formals})"
    summary = comment or _meaning(text)
    return Entry(name, group, signature, summary, summary, text)


def _meaning(text: str) -> str:
    """The returned expression: what a definition of one line is."""
    match = re.search(r"return (.*?)\s*\}?\s*$", text, re.DOTALL)
    return " ".join(match.group(1).split()) if match else ""


def _programs() -> Iterator[Traversable]:
    for package in ("asiarch.grammar", "asiarch.library"):
        try:
            root = resources.files(package)
        except ModuleNotFoundError:
            continue
        for folder in (root / "examples", root):
            if folder.is_dir():
                inside = (f for f in folder.iterdir() if f.name.endswith(".asi"))
                yield from sorted(inside, key=lambda f: f.name)
