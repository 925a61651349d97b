"""The front end: text to syntax tree, and diagnostics back to text. Knows no tensor library.

Public names are imported when first asked for, so that none costs what another needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asiarch.language.diagnostics import Diagnostic as Diagnostic
    from asiarch.language.diagnostics import SpecError as SpecError
    from asiarch.language.diagnostics import as_json as as_json
    from asiarch.language.diagnostics import render as render
    from asiarch.language.explain import codes as codes
    from asiarch.language.formatter import format as format
    from asiarch.language.names import suggest as suggest
    from asiarch.language.parser import ParseResult as ParseResult
    from asiarch.language.parser import parse as parse
    from asiarch.language.source import Source as Source

# `explain` is the module of that name; its function is `asiarch.language.explain.explain`.
_LAZY = {
    "Diagnostic": "diagnostics",
    "ParseResult": "parser",
    "Source": "source",
    "SpecError": "diagnostics",
    "as_json": "diagnostics",
    "codes": "explain",
    "format": "formatter",
    "parse": "parser",
    "render": "diagnostics",
    "suggest": "names",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _LAZY:
        raise AttributeError(f"module 'asiarch.language' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"asiarch.language.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
