"""Names that the texts pasted into a module define: no variable and no class may take one."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

IMPORTED = {"Any", "Callable", "F", "Sequence", "Tensor", "nn", "pad", "partial", "torch"}


@cache
def pasted() -> frozenset[str]:
    """Functions and classes of the kernels and of the helpers, and what their texts import."""
    from asiarch.codegen.fused import HELPERS

    texts: list[str] = list(HELPERS.values())
    for folder in resources.files("asiarch.kernels").iterdir():
        if folder.is_dir():
            files = (f for f in folder.iterdir() if f.name.endswith(".py"))
            texts += [f.read_text(encoding="utf-8") for f in files]
    found = {m.group(1) for x in texts for m in re.finditer(r"^(?:def|class) (\w+)", x, re.M)}
    return frozenset(found | IMPORTED)


def is_pasted(name: str) -> bool:
    """Is it such a name, or one with the number that a second variant of a kernel takes?"""
    return re.sub(r"_\d+$", "", name) in pasted()
