"""Scales, ticks and frames: from data to pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asiarch.search.report.canvas import Canvas
from asiarch.search.report.text import tick, width

TICK = 11.0
SAME, LEAST = 1e-12, 1e-290  # what is nearer than this, of the larger, is one place


@dataclass(frozen=True, slots=True)
class Scale:
    """Data from `low` to `high` on pixels from `start` to `end`, in logarithms if `log`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        a, b, v = self.low, self.high, value
        if self.log:
            a, b, v = math.log(a), math.log(b), math.log(v)
        return self.start + (v - a) / (b - a) * (self.end - self.start)

    def clamp(self, value: float) -> float:
        return self(min(max(value, self.low), self.high))

    def ticks(self, most: int = 6) -> list[float]:
        return _log_ticks(self.low, self.high, most) if self.log else ticks(self, most)


def scale(
    values: Iterable[float], start: float, end: float, *, log: bool = False, zero: bool = False,
    pad: float = 0.04,
) -> Scale:  # fmt: skip
    """A scale that holds all finite values with some room; `zero` is held too."""
    finite = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    if zero:
        finite.append(0.0)
    low, high = (min(finite), max(finite)) if finite else (1.0, 10.0) if log else (0.0, 1.0)
    if log:
        room = max((high / low) ** pad, 1.0 + pad if high > low else 2.0)
        return Scale(low / room, high * room, start, end, log=True)
    apart = high - low > SAME * max(abs(high), abs(low), LEAST)
    room = (high - low) * pad if apart else abs(high) * 0.5 or 1.0
    return Scale(low - room, high + room, start, end)


def far(values: Iterable[float], ratio: float = 20.0) -> bool:
    """Do positive values spread so far that they want logarithms?"""
    finite = [v for v in values if math.isfinite(v)]
    return bool(finite) and min(finite) > 0 and max(finite) / min(finite) > ratio


def ticks(of: Scale, most: int) -> list[float]:
    span = of.high - of.low
    raw = span / max(most, 1)
    exponent = math.floor(math.log10(raw))
    power = 10.0**exponent
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9))
    first, last = math.ceil(of.low / step - 1e-9), math.floor(of.high / step + 1e-9)
    return [round(i * step, 12 - exponent) for i in range(first, last + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        found = [m * 10.0**p for p in powers for m in steps if low <= m * 10.0**p <= high]
        if len(found) <= most + 1:
            return found
    return found[:: math.ceil(len(found) / most)]


@dataclass(frozen=True, slots=True)
class Frame:
    """The field of a plot with its two scales; `y.start` is the bottom."""

    x: Scale
    y: Scale

    def draw(
        self, canvas: Canvas, x_title: str, y_title: str, *, xs: int = 5, ys: int = 5,
        x_labels: Sequence[tuple[float, str]] | None = None, sign: bool = False,
        whole: bool = False,
    ) -> None:  # fmt: skip
        """Grid, numbers and titles. The y title stands above the field, where it is read.

        whole: what is counted has no halves.
        """
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        for value in self.y.ticks(ys):
            if whole and value != int(value):
                continue
            y = self.y(value)
            canvas.line([(left, y), (right, y)], "grid")
            canvas.text(left - 6, y + 4, tick(value, sign=sign), "t m e")
        shown = x_labels or [(v, tick(v)) for v in self.x.ticks(xs)]
        for x, text in _apart([(self.x(v), text) for v, text in shown]):
            canvas.line([(x, bottom), (x, bottom + 4)], "axis")
            canvas.text(x, bottom + 17, text, "t m c")
        canvas.line([(left, bottom), (right, bottom)], "axis")
        canvas.text((left + right) / 2, bottom + 34, x_title, "t m c", room=right - left + 60)
        canvas.text(left - 6 - 30, top - 10, y_title, "t m", room=right - left + 36)


def _apart(labels: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Labels that do not touch their neighbour."""
    found: list[tuple[float, str]] = []
    for x, text in labels:
        if not found or x - found[-1][0] > (width(text, TICK) + width(found[-1][1], TICK)) / 2 + 6:
            found.append((x, text))
    return found


def robust(values: Iterable[float], keep: Iterable[float], share: float = 0.1) -> list[float]:
    """What a scale should hold: all of `keep`, and of `values` all but a share far below."""
    ordered = sorted(v for v in values if math.isfinite(v))
    kept = [v for v in keep if math.isfinite(v)]
    if not ordered:
        return kept
    least, high = ordered[int(share * (len(ordered) - 1))], max([*ordered, *kept])
    least = min([least, *kept])
    reach = least - 0.5 * (high - least)
    return [*kept, *(v for v in ordered if v >= reach)]


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least `gap` apart, near where they were, within the limits if they all fit."""
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    found = list(places)
    at = low
    for i in order:
        found[i] = max(found[i], at)
        at = found[i] + gap
    at = high
    for i in reversed(order):
        found[i] = min(found[i], at)
        at = found[i] - gap
    return found
