"""Kernel text: flags folded, helpers gathered. The emitter pastes what this returns; tests run it.

A kernel file names its variants by module-level constants (`READ_PRE = False`) and plain
`if READ_PRE:` statements, and its helpers by relative imports. Nothing here knows any kernel.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

HERE = Path(__file__).parent


def source(path: str | Path, **flags: bool) -> str:
    """The text of a kernel file (`scalar/torch.py`), flags folded; comments and layout stay.

    The constants of the file are its flags; those that are not given keep their value there.
    Unknown ones are ignored, so that one set serves a kernel and its helpers.
    """
    text = (HERE / path).read_text(encoding="utf-8")
    known = {name: flags.get(name, value) for name, value, _ in _constants(text)}
    while (spot := next(_constants(text), None)) is not None:
        text = _replace(text, spot[2], [])
    while (found := next(_conditions(text, known), None)) is not None:
        text = _replace(text, *found)
    return text


def parts(path: str | Path) -> list[Path]:
    """The file and the files whose names it imports from its neighbours, helpers first."""
    whole = (HERE / path).resolve()
    result: list[Path] = []
    for node in ast.parse(whole.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level and node.module:
            folder = whole.parents[node.level - 1]
            result += parts(folder.joinpath(*node.module.split(".")).with_suffix(".py"))
    return list(dict.fromkeys([*result, whole.relative_to(HERE.resolve())]))


def body(path: str | Path, **flags: bool) -> tuple[set[str], str]:
    """One file alone: its absolute import lines, and the text below them."""
    text, imports = source(path, **flags), set[str]()
    lines, first = text.splitlines(), 0
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if isinstance(node, ast.Import) or not node.level:
                imports.add(ast.unparse(node))
        elif not (isinstance(node, ast.Expr) and first == 0):
            break
        first = node.end_lineno or first
    return imports, "\n".join(lines[first:]).strip("\n")


def assemble(*paths: str | Path, **flags: bool) -> tuple[list[str], str]:
    """Kernels with all their helpers: sorted absolute import lines, and the text below them."""
    return gather([(path, flags, "") for path in paths])


def gather(
    needs: Iterable[tuple[str | Path, Mapping[str, bool], str]],
) -> tuple[list[str], str]:
    """Kernels of flags each, helpers once. A second variant of a file takes its suffix's names."""
    imports, seen, texts = set[str](), dict[Path, str](), list[str]()
    for path, flags, suffix in needs:
        for part in parts(path):
            lines, text = body(part, **flags)
            if seen.get(part) == text:
                continue
            imports |= lines
            texts.append(_renamed(text, suffix) if part in seen else text)
            seen.setdefault(part, text)
    return sorted(imports), "\n\n\n".join(texts) + "\n"


def _renamed(text: str, suffix: str) -> str:
    """The text with what it defines at its top under names of its own."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            text = re.sub(rf"\b{node.name}\b", node.name + suffix, text)
    return text


@cache
def classes() -> frozenset[str]:
    """The names of all classes that kernel files define."""
    texts = [file.read_text(encoding="utf-8") for file in HERE.rglob("*.py")]
    return frozenset(name for text in texts for name in re.findall(r"^class (\w+)", text, re.M))


def load(path: str | Path, **flags: bool) -> dict[str, Any]:
    """The names that a kernel's assembled text defines."""
    imports, text = assemble(path, **flags)
    names: dict[str, Any] = {"__name__": f"kernels.{Path(path).with_suffix('').as_posix()}"}
    exec(compile("\n".join([*imports, text]), str(path), "exec"), names)
    return names


def _constants(text: str) -> Iterator[tuple[str, bool, ast.stmt]]:
    for node in ast.parse(text).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=bool() as value)):
                yield name, value, node
            case _:
                pass


def _conditions(text: str, known: dict[str, bool]) -> Iterator[tuple[ast.If, list[ast.stmt]]]:
    """Every `if` on a flag, and the statements that its flag selects."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.If(test=ast.Name(id=name)) if name in known:
                yield node, node.body if known[name] else node.orelse
            case ast.If(test=ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name))) if name in known:
                yield node, node.orelse if known[name] else node.body
            case _:
                pass


def _replace(text: str, node: ast.stmt, kept: list[ast.stmt]) -> str:
    """The text with a statement replaced by some of its own, moved to its indentation."""
    lines = text.splitlines(keepends=True)
    end = node.end_lineno or node.lineno
    taken = ""
    if kept:
        taken = "".join(lines[kept[0].lineno - 1 : kept[-1].end_lineno])
        taken = indent(dedent(taken), " " * node.col_offset)
    else:  # the blank lines around a removed statement fall together
        while end < len(lines) and not lines[end].strip() and not lines[node.lineno - 2].strip():
            end += 1
    return "".join([*lines[: node.lineno - 1], taken, *lines[end:]])
