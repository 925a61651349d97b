"""A figure: SVG text that stands alone in a file or a notebook, and shares its sheet in a page."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from asiarch.search.report import style
from asiarch.search.report.text import cut, escape, line, width

MARKS = ("circle", "square", "diamond", "up", "down", "cross", "plus")
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A finished picture. title: what it is; desc: what it shows, for those who do not see it."""

    name: str
    title: str
    desc: str
    width: float
    height: float
    body: str
    empty: bool = False  # it had no data, and says so

    def svg(self, *, alone: bool = True, key: str = "") -> str:
        """SVG text; without `alone` the style sheet and the name space are the page's.

        key: makes the ids of two pictures in one page differ, that of the content without it.
        """
        whole = f"{self.title}\n{self.desc}\n{self.body}".encode()
        key = key or hashlib.sha256(whole).hexdigest()[:8]
        title, desc = f"{self.name}-{key}-t", f"{self.name}-{key}-d"
        space = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
        paper = '<rect class="paper" width="100%" height="100%"/>' if alone else ""
        sheet = f"<style>{style.variables('.fig')}{style.figures()}</style>" if alone else ""
        return (
            f'<svg{space} class="fig" role="img" aria-labelledby="{title} {desc}" '
            f'viewBox="0 0 {self.width:.0f} {self.height:.0f}" '
            f'width="{self.width:.0f}" height="{self.height:.0f}">'
            f'<title id="{title}">{escape(self.title)}</title>'
            f'<desc id="{desc}">{escape(self.desc)}</desc>{sheet}{paper}{self.body}</svg>'
        )

    def _repr_svg_(self) -> str:
        return self.svg()

    def __str__(self) -> str:
        return self.svg()


def num(value: float) -> str:
    """A coordinate: a tenth of a pixel is enough."""
    if not math.isfinite(value):
        raise ValueError(f"a figure was given the coordinate {value}; leave such points out")
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


@dataclass(slots=True)
class Canvas:
    """Shapes in order. Classes are those of `style.figures`; texts are escaped here."""

    parts: list[str] = field(default_factory=list[str])

    def line(self, points: Sequence[Point], css: str) -> None:
        if len(points) < 2:
            return
        self.parts.append(f'<path class="{css}" d="{path(points)}"/>')

    def trace(self, points: Sequence[Point], css: str) -> None:
        """A line of many points."""
        if len(points) > 1:
            num(sum(x + y for x, y in points))
            self.parts.append(f'<path class="{css}" d="{trace(points)}"/>')

    def area(self, points: Sequence[Point], css: str) -> None:
        self.parts.append(f'<path class="{css}" d="{path(points)}z"/>')

    def rect(self, x: float, y: float, w: float, h: float, css: str, *, tip: str = "") -> None:
        shape = f'<rect class="{css}" x="{num(x)}" y="{num(y)}" width="{num(max(w, 0))}" '
        shape += f'height="{num(max(h, 0))}"'
        self.parts.append(shape + (f"><title>{escape(line(tip))}</title></rect>" if tip else "/>"))

    def text(
        self, x: float, y: float, text: str, css: str = "", *, room: float = 0.0, turn: bool = False
    ) -> None:
        """One line of text, cut to `room` pixels if that is given, the whole of it as its tip."""
        size = style.SMALL if "t" in css.split() else style.SIZE
        shown = cut(text, room, size) if room else line(text)
        kind = f' class="{css}"' if css else ""
        turned = f' transform="rotate(-90 {num(x)} {num(y)})"' if turn else ""
        tip = f"<title>{escape(line(text))}</title>" if shown != line(text) else ""
        self.parts.append(
            f'<text{kind} x="{num(x)}" y="{num(y)}"{turned}>{escape(shown)}{tip}</text>'
        )

    def mark(
        self, x: float, y: float, shape: str, css: str, *, size: float = 4.0, tip: str = "",
        link: str = "",
    ) -> None:  # fmt: skip
        drawn = f'<path class="{css}" d="{mark_path(x, y, shape, size)}"'
        drawn += f"><title>{escape(line(tip))}</title></path>" if tip else "/>"
        # A figure is one picture to a keyboard; the table has the same links.
        around = f'<a href="#{escape(link)}" tabindex="-1">{drawn}</a>'
        self.parts.append(around if link else drawn)

    def figure(
        self, name: str, title: str, desc: str, w: float, h: float, *, empty: bool = False
    ) -> Figure:
        return Figure(name, line(title), line(desc), w, h, "".join(self.parts), empty)


def path(points: Sequence[Point]) -> str:
    (x, y), *rest = points
    return f"M{num(x)} {num(y)}L" + " ".join(f"{num(a)} {num(b)}" for a, b in rest)


def trace(points: Sequence[Point]) -> str:
    """A path of many points in whole pixels, each written as the step to it: a third as long."""
    (x, y), *rest = ((round(a), round(b)) for a, b in points)
    steps = ""
    at = f"M{x} {y}l"
    for a, b in rest:
        steps += f" {a - x}" if steps and a >= x else f"{a - x}"
        steps += f"{b - y}" if b < y else f" {b - y}"
        x, y = a, b
    return at + steps


def mark_path(x: float, y: float, shape: str, size: float) -> str:
    """Marks of about the same weight, told apart without colour."""
    r, s = num(size), num(2 * size)
    match shape:
        case "square":
            e = 0.88 * size
            return f"M{num(x - e)} {num(y - e)}h{num(2 * e)}v{num(2 * e)}h{num(-2 * e)}z"
        case "diamond":
            e = 1.25 * size
            return (
                f"M{num(x)} {num(y - e)}l{num(e)} {num(e)} {num(-e)} {num(e)} {num(-e)} {num(-e)}z"
            )
        case "up":
            e = 1.1 * size
            return f"M{num(x)} {num(y - e)}l{num(e)} {num(1.8 * e)}h{num(-2 * e)}z"
        case "down":
            e = 1.1 * size
            return f"M{num(x)} {num(y + e)}l{num(e)} {num(-1.8 * e)}h{num(-2 * e)}z"
        case "cross" | "plus":
            e, w = 1.15 * size, 0.36 * size
            arms = f"M{num(x - e)} {num(y - w)}h{num(2 * e)}v{num(2 * w)}h{num(-2 * e)}z"
            arms += f"M{num(x - w)} {num(y - e)}h{num(2 * w)}v{num(2 * e)}h{num(-2 * w)}z"
            return arms
        case _:
            return f"M{num(x - size)} {num(y)}a{r} {r} 0 1 1 {s} 0a{r} {r} 0 1 1 -{s} 0z"


@dataclass(slots=True)
class Labels:
    """Places for names beside points, so that no two lie on each other or leave the frame."""

    left: float
    top: float
    right: float
    bottom: float
    size: float = style.SMALL
    taken: list[tuple[float, float, float, float]] = field(
        default_factory=list[tuple[float, float, float, float]]
    )

    def block(self, x: float, y: float, r: float) -> None:
        self.taken.append((x - r, y - r, x + r, y + r))

    def put(self, canvas: Canvas, x: float, y: float, text: str, css: str, room: float) -> bool:
        """Writes the name where there is room for it, with a line to it where that is some way
        off; False if there is none.
        """
        shown = cut(text, room, self.size)
        w, h = width(shown, self.size), self.size
        for dx, dy, anchor in (*_SIDES, *_FAR):
            left = x + dx if anchor == "" else x + dx - (w if anchor == "e" else w / 2)
            box = (left - 1, y + dy - 0.8 * h, left + w + 1, y + dy + 0.25 * h)
            if self._free(box):
                self.taken.append(box)
                if (dx, dy, anchor) in _FAR:
                    end = {"": x + dx - 2, "e": x + dx + 2}.get(anchor, x + dx)
                    near = y + dy + (4 if dy < 0 else -0.8 * h) if anchor == "c" else y + dy - 4
                    canvas.line([(x, y), (end, near)], "l thin null")
                canvas.text(x + dx, y + dy, text, f"t halo {css} {anchor}".strip(), room=room)
                return True
        return False

    def _free(self, box: tuple[float, float, float, float]) -> bool:
        a, b, c, d = box
        if a < self.left or b < self.top or c > self.right or d > self.bottom:
            return False
        return all(c <= e or g <= a or d <= f or h <= b for e, f, g, h in self.taken)


_SIDES = (
    (7, 4, ""), (0, -8, "c"), (-7, 4, "e"), (0, 15, "c"), (6, -8, ""), (6, 15, ""),
    (-6, -8, "e"), (-6, 15, "e"), (10, -16, ""), (10, 24, ""), (-10, -16, "e"), (-10, 24, "e"),
)  # fmt: skip
_FAR = tuple(
    (dx * r, dy * r + 4, anchor)
    for r in (30, 44, 60, 80, 104)
    for dx, dy, anchor in (
        (0.7, -0.7, ""), (0.7, 0.7, ""), (-0.7, -0.7, "e"), (-0.7, 0.7, "e"), (0, -1, "c"),
        (0, 1, "c"), (1, -0.3, ""), (-1, -0.3, "e"), (1, 0.3, ""), (-1, 0.3, "e"),
    )
)  # fmt: skip
