"""asiarch: a typed attention-operator language, its proofs, and the modules it compiles to.

    program = asiarch.parse(text)                      syntax; raises SpecError
    report = asiarch.check(text)                       verdicts; never raises for a bad program
    module = asiarch.compile(text, sizes={...})        an nn.Module, or the reference
    source = asiarch.emit(text, sizes={...})           that module's text

Importing this loads no tensor library; what needs one loads it on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_LAZY = {
    "BackendError": "asiarch.interface",
    "Diagnostic": "asiarch.language.diagnostics",
    "RingMode": "asiarch.laws.ringmode",
    "SizeError": "asiarch.interface",
    "SpecError": "asiarch.language.diagnostics",
    "check": "asiarch.analysis.report",
    "compile": "asiarch.interface",
    "copy_parameters": "asiarch.interface",
    "emit": "asiarch.interface",
    "format": "asiarch.language.formatter",
    "laws": "",
    "parse": "asiarch.interface",
}

if TYPE_CHECKING:
    from asiarch import laws as laws
    from asiarch.analysis.report import check as check
    from asiarch.interface import BackendError as BackendError
    from asiarch.interface import SizeError as SizeError
    from asiarch.interface import compile as compile
    from asiarch.interface import copy_parameters as copy_parameters
    from asiarch.interface import emit as emit
    from asiarch.interface import parse as parse
    from asiarch.language.diagnostics import Diagnostic as Diagnostic
    from asiarch.language.diagnostics import SpecError as SpecError
    from asiarch.language.formatter import format as format
    from asiarch.laws.ringmode import RingMode as RingMode


def __getattr__(name: str) -> Any:
    """Public names, imported when first asked for."""
    import importlib

    if name not in _LAZY:
        raise AttributeError(f"module 'asiarch' has no attribute {name!r}")
    if name == "laws":
        return importlib.import_module("asiarch.laws")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
