"""The panel's texts, one operator at a time."""

from __future__ import annotations

from importlib import resources

from asiarch.language.parser import parse

PANEL = resources.files("asiarch.library").joinpath("panel.asi").read_text(encoding="utf-8")


def text(name: str) -> str:
    """The definition of one mixer, alone."""
    for definition in parse(PANEL).program.definitions:
        if definition.name.id == name:
            return PANEL[definition.span.start : definition.span.end]
    raise KeyError(name)
