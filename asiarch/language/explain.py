"""The story of a diagnostic, by its code: one page per code in `codes/`, fixed sections.

Decides nothing: the pages are text in the package, and tests hold them to what the checker says.
"""

from __future__ import annotations

import re
from importlib import resources

SECTIONS = ("What it means", "Wrong", "Right", "What to do")
_REPEAT = re.compile(r"([^\n]*\n) *# \.\.\. the line above ([\d,]+) times\n")


def codes() -> list[str]:
    """Every code that has a page, errors before warnings."""
    folder = resources.files("asiarch.language").joinpath("codes")
    return sorted(p.name[:-3] for p in folder.iterdir() if p.name.endswith(".md"))


def explain(code: str) -> str:
    """The page of a code, as Markdown. Raises KeyError for a code without one."""
    if code not in codes():
        raise KeyError(code)
    folder = resources.files("asiarch.language").joinpath("codes")
    return folder.joinpath(f"{code}.md").read_text(encoding="utf-8")


def example(code: str, section: str) -> str:
    """The program in the section `Wrong` or `Right` of a page, ready to be checked.

    A line `# ... the line above 3,000 times` stands for that many more of them.
    """
    body = explain(code).partition(f"## {section}\n")[2]
    program = body.partition("```asi\n")[2].partition("```")[0]
    return _REPEAT.sub(lambda m: m.group(1) * (1 + int(m.group(2).replace(",", ""))), program)
