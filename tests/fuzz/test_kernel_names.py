"""A module may hold the text of several kernels of one library: each name of theirs is defined by
one file."""

from __future__ import annotations

import re
from collections import defaultdict
from importlib import resources

BARE = "bare"  # the shortest forms, which stand in for the others and never beside them


def test_every_name_of_a_kernel_is_defined_once() -> None:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for folder in resources.files("asiarch.kernels").iterdir():
        if not folder.is_dir() or folder.name in (BARE, "__pycache__"):
            continue
        for file in folder.iterdir():
            if file.name.endswith(".py"):
                text = file.read_text(encoding="utf-8")
                library = "jax" if file.name.startswith("jax") else "torch"
                for name in re.findall(r"^(?:def|class) (\w+)", text, re.M):
                    found[library, name].append(f"{folder.name}/{file.name}")
    assert {n: files for n, files in found.items() if len(files) > 1} == {}
