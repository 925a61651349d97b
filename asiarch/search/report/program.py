"""Program text in a page: marked words, what changed from a parent, code packed together."""

from __future__ import annotations

import base64
import difflib
import re
import zlib
from collections.abc import Sequence
from functools import cache

from asiarch.language.tables import load
from asiarch.search.report.text import clean, escape

CONTEXT = 1  # lines around a change
LONGEST = 20_000  # characters of a program that are shown


@cache
def _words() -> re.Pattern[str]:
    keywords = "|".join(sorted((t for t in load().literals if t.isidentifier()), key=len)[::-1])
    return re.compile(
        rf"(?P<i>#[^\n]*)|\b(?P<b>{keywords})\b|(?<![\w.])(?P<u>\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
    )


def highlighted(text: str) -> str:
    """A program for the inside of a `pre`: keywords in b, comments in i, numbers in u.

    Text that does not parse is marked as well; one longer than `LONGEST` is cut.
    """
    shown, rest = text[:LONGEST], len(text) - LONGEST
    out: list[str] = []
    at = 0
    for found in _words().finditer(shown):
        tag = found.lastgroup
        out += [_lines(shown[at : found.start()]), f"<{tag}>{_lines(found.group())}</{tag}>"]
        at = found.end()
    out.append(_lines(shown[at:]))
    if rest > 0:
        out.append(f"\n<i># {rest} more characters</i>")
    return "".join(out)


def _lines(text: str) -> str:
    """Escaped, line breaks and tabs kept."""
    return "\n".join("\t".join(map(escape, line.split("\t"))) for line in text.split("\n"))


def difference(before: str, after: str) -> str:
    """What changed between two programs, for the inside of a `pre`; empty if nothing did.

    Lines begin with + or -, so that no one need see a colour.
    """
    a, b = (clean_lines(t[:LONGEST]) for t in (before, after))
    out: list[str] = []
    for line in list(difflib.unified_diff(a, b, lineterm="", n=CONTEXT))[2:]:
        text = escape(line)
        if line.startswith("@@"):
            if out:
                out.append("<i>…</i>")
        elif line[0] in "+-":
            tag = "ins" if line[0] == "+" else "del"
            out.append(f"<{tag}>{text}</{tag}>")
        else:
            out.append(text)
    return "\n".join(out)


def clean_lines(text: str) -> list[str]:
    return [clean(line.expandtabs(2)) for line in text.split("\n")]


def packed(texts: Sequence[str]) -> str:
    """Texts as one deflated string in base64, parted by NUL: alike ones cost next to nothing.

    The page unpacks it when the first of them is opened.
    """
    whole = "\0".join(t.replace("\0", "\ufffd") for t in texts)
    return base64.b64encode(zlib.compress(whole.encode("utf-8", "replace"), 9)).decode("ascii")


def unpacked(text: str) -> list[str]:
    """The texts of `packed`."""
    return zlib.decompress(base64.b64decode(text)).decode("utf-8").split("\0")
