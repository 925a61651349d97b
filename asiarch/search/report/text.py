"""Texts and numbers as a page or a picture shows them: escaped, cleaned, rounded, cut to size.

What a candidate is called, or says, comes from anywhere. Nothing of it may act: not as markup, and
not by turning the direction of what stands beside it (CVE-2021-42574).
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from html import escape as _escape

from asiarch.search.report.data import Estimate

MISSING = "–"
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    "\ud800-\udfff]"
)
_NARROW, _WIDE = set("ijlftrI.,:;'|!()[]{}` -"), set("mwMW@%—")
SMALLEST = 1e-4  # what is below is written with an exponent
SIGNIFICANT = 3


def clean(text: str) -> str:
    """Characters that are not seen, or turn the direction of text, written as <U+202E>."""
    return _UNSEEN.sub(lambda m: f"<U+{ord(m.group()):04X}>", text)


def escape(text: str) -> str:
    """Text for the inside of an element or of an attribute in double quotes."""
    return _escape(clean(text), quote=True)


def line(text: str) -> str:
    """The same on one line."""
    return " ".join(clean(text).split())


def anchor(id: str) -> str:
    """The name of a candidate's section in a page; the same in every figure."""
    return "c-" + hashlib.sha256(id.encode("utf-8", "replace")).hexdigest()[:10]


def number(value: float, *, sign: bool = False) -> str:
    """Three digits, thousands as k, M, G, T, P: 1234 is 1.23k. What is not finite is a dash."""
    if not math.isfinite(value):
        return MISSING
    mark = "+" if sign and value > 0 else ""
    size = abs(value)
    for power, suffix in ((15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if size >= 0.9995 * 10**power and not (power == 3 and size < 1e4 and value == int(value)):
            return mark + _digits(value / 10**power) + suffix
    if 0 < size < SMALLEST:
        return mark + _minus(f"{value:.1e}".replace("e-0", "e-"))
    return mark + _digits(value)


def _digits(value: float) -> str:
    size = abs(value)
    if value == int(value):
        return _minus(str(int(value)))
    whole = max(math.floor(math.log10(size)), -1) + 1 if size else 1
    places = max(SIGNIFICANT - max(whole, 0), 0)
    return _minus(f"{value:.{places if size >= 5e-4 else places + 1}f}")


def _minus(text: str) -> str:
    """A minus sign where it is one; a zero has none."""
    if text.startswith("-") and not text.strip("-0."):
        return text[1:]
    return text.replace("-", "\u2212")


def tick(value: float, *, sign: bool = False) -> str:
    """A number on an axis: round ones are short."""
    size = abs(value)
    power, suffix = next(
        (p for p in ((15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k")) if size >= 10 ** p[0]),
        (0, ""),
    )
    if power == 3 and size < 1e4:
        power, suffix = 0, ""
    mark = "+" if sign and value > 0 else ""
    return mark + _minus(f"{value / 10**power:.4g}".replace("e-0", "e-")) + suffix


def effect(value: float) -> str:
    """A difference: always with its sign."""
    return number(value, sign=True)


def interval(estimate: Estimate, *, sign: bool = True) -> str:
    """`+0.12 (+0.03 to +0.21)`: as many places as half of the interval's width makes sense of."""
    if not estimate.bounded:
        return number(estimate.value, sign=sign)
    ends = (estimate.value, estimate.low, estimate.high)
    half = (estimate.high - estimate.low) / 2
    if max(map(abs, ends)) >= 1000 or half <= 0:
        value, low, high = (number(v, sign=sign) for v in ends)
    else:
        power = math.floor(math.log10(half))
        places = max(-power + (half < 3 * 10.0**power), 0)
        value, low, high = (_fixed(v, places, sign) for v in ends)
    return f"{value} ({low} to {high})"


def _fixed(value: float, places: int, sign: bool) -> str:
    text = _minus(f"{value:.{places}f}")
    return f"+{text}" if sign and text.strip("0.") and not text.startswith("\u2212") else text


def percent(value: float) -> str:
    if not math.isfinite(value):
        return MISSING
    return f"{100 * value:.0f} %" if value in (0, 1) or value >= 0.1 else f"{100 * value:.1f} %"


def count(value: int, one: str, many: str = "") -> str:
    """`1 candidate`, `2 candidates`."""
    return f"{value:,} {one if value == 1 else many or f'{one}s'}"


def width(text: str, size: float) -> float:
    """About how wide a text is in a sans-serif face of `size` pixels: never much too little."""
    total = 0.0
    for char in text:
        if char in _NARROW:
            total += 0.34
        elif char in _WIDE or unicodedata.east_asian_width(char) in "WF":
            total += 1.0
        elif char.isupper():
            total += 0.71
        else:
            total += 0.59
    return total * size


def cut(text: str, room: float, size: float) -> str:
    """The text, or as much of its beginning as fits, with an ellipsis."""
    text = line(text)
    if width(text, size) <= room:
        return text
    while text and width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"
