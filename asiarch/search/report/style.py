"""The colours and type of figures: one sheet for a page, or inside of a figure that stands alone.

Colours of kinds are those of Okabe and Ito (2008), told apart by colour-blind people too; a kind
is also told by its mark or by a label. Dark pages have lighter ones of the same hues.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

LIGHT = {
    "paper": "#ffffff", "ink": "#1a202c", "muted": "#566070", "grid": "#e4e8ed",
    "rule": "#aab4c0", "soft": "#f4f6f8",
    "k0": "#0072b2", "k1": "#c04f00", "k2": "#00795a", "k3": "#a4508b",
    "k4": "#946200", "k5": "#2a83b8", "k6": "#5b5b5b", "null": "#6b7683",
    "good": "#0072b2", "bad": "#b84a00",
}  # fmt: skip
DARK = {
    "paper": "#14181e", "ink": "#e8ecf1", "muted": "#a3adba", "grid": "#2a313a",
    "rule": "#58636f", "soft": "#1c2128",
    "k0": "#56b4e9", "k1": "#ff8a3d", "k2": "#3ecf9f", "k3": "#e29bc9",
    "k4": "#e6a817", "k5": "#8fc7ea", "k6": "#c0c0c0", "null": "#98a3b0",
    "good": "#56b4e9", "bad": "#ff8a3d",
}  # fmt: skip
KINDS = 7  # how many kinds have a colour of their own
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
SIZE, SMALL = 12.0, 11.0


def variables(selector: str) -> str:
    """Colours as variables of a selector, in both schemes; paper is always light."""
    light, dark = (";".join(f"--{k}:{v}" for k, v in c.items()) for c in (LIGHT, DARK))
    return (
        f"{selector}{{{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{{selector}{{{dark}}}}}\n"
    )


def figures() -> str:
    """The rules for what is inside a figure; `fig` is the class of its svg element."""
    kinds = [f"k{i}" for i in range(KINDS)] + ["null", "good", "bad"]
    colors = "".join(f".fig .{k}{{--c:var(--{k})}}" for k in kinds)
    return sheet("figure.css") + colors + "\n"


@cache
def sheet(name: str) -> str:
    """A style sheet that lies beside this file, without what only its readers need."""
    text = beside(name).replace("FONT", FONT)
    return re.sub(r"\s*([{};:,])\s+", r"\1", re.sub(r"/\*.*?\*/", "", text, flags=re.S)).strip()


def beside(name: str) -> str:
    """The text of a file that lies beside this one."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
