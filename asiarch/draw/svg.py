"""Graphs as SVG text: boxes, curves, labels. Self-contained: no script, no font, no link."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from asiarch.draw.graph import Box, Graph, graph_of
from asiarch.draw.layout import Extent, Placed, place
from asiarch.ir.function import Function

CHAR, SMALL = 7.2, 6.0  # widths of a character in the two sizes of type, pixels
LINE, NOTE = 16.0, 13.0  # heights of a line
PAD, MARGIN, LOOP = 10.0, 24.0, 46.0
COLUMNS, ROWS = 32, 6  # the most that a box shows of its text
FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"

# Fill and stroke by kind of box.
COLORS = {
    "input": ("#eef1f5", "#7b8794"),
    "equation": ("#ffffff", "#4a6fa5"),
    "state": ("#fff4dc", "#b7791f"),
    "attend": ("#f1ebfb", "#6b46c1"),
    "call": ("#e9f6ee", "#2f855a"),
    "block": ("#fafbfc", "#a0aec0"),
    "result": ("#e6eefb", "#2b4c7e"),
    "loss": ("#fdecec", "#c53030"),
}
STYLE = f"""
text {{ font: 12px {FONT}; fill: #1a202c; }}
.title {{ font-weight: 600; }}
.note, .type {{ font-size: 10px; font-weight: 400; fill: #5a6675; }}
.type, .feedback-label {{ paint-order: stroke; stroke: #ffffff; stroke-width: 3px; }}
.feedback-label {{ font-size: 10px; fill: #b7791f; }}
.edge {{ fill: none; stroke: #8895a7; stroke-width: 1.3px; }}
.feedback {{ fill: none; stroke: #b7791f; stroke-width: 1.3px; stroke-dasharray: 4 3; }}
.wire {{ stroke: #cbd2da; stroke-width: 1px; }}
"""
MARKERS = "".join(
    f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    f'orient="auto"><path d="M0 0.5L7.5 4L0 7.5z" fill="{color}"/></marker>'
    for name, color in (("to", "#8895a7"), ("back", "#b7791f"))
)


def graph_svg(function: Function) -> str:
    """A picture of a function as the text of an SVG file: inputs above, results below.

    Boxes are equations and calls, rounded ones states, whose dashed arrows carry the value before
    the token. Small names beside a box are its parameters, small text below it its value's axes.
    """
    picture = _picture(graph_of(function))
    width, height = picture.width + 2 * MARGIN, picture.height + 2 * MARGIN + LINE
    title = escape(f"{function.kind} {function.name}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n<defs>{MARKERS}</defs>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<text class="title" x="{MARGIN:.0f}" y="{MARGIN:.0f}">{title}</text>\n'
        f'<g transform="translate({MARGIN:.1f} {MARGIN + LINE:.1f})">\n'
        + "\n".join(picture.parts)
        + "\n</g>\n</svg>\n"
    )


@dataclass(frozen=True, slots=True)
class _Picture:
    width: float
    height: float
    parts: list[str]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A box with its text cut to size, and the pictures inside of it."""

    box: Box
    lines: list[str]
    inner: list[tuple[str, _Picture]]
    extent: Extent


def _picture(graph: Graph) -> _Picture:
    looping = {target for _, target in graph.feedback} | {source for source, _ in graph.feedback}
    drawn = [_measure(box, number in looping) for number, box in enumerate(graph.boxes)]
    placed = place([d.extent for d in drawn], graph.edges)
    parts = [*_edges(graph, placed, drawn)]
    for number, one in enumerate(drawn):
        parts += _box(one, placed.x[number], placed.top[number])
    parts += _labels(graph, placed, drawn)
    return _Picture(placed.width, placed.height, parts)


# -- boxes -----------------------------------------------------------------------------------------


def _measure(box: Box, loops: bool) -> _Drawn:
    inner = [(title, _picture(graph)) for title, graph in box.inner]
    lines = list(_wrapped(box))
    texts = [box.title, *lines]
    note = SMALL * (len(box.type) + 1) if box.kind == "input" and box.type else 0.0
    width = max(CHAR * max(map(len, texts)) + note + 2 * PAD, 44.0)
    height = LINE * len([t for t in texts if t]) + PAD
    if inner:
        width = max(width, sum(p.width for _, p in inner) + PAD * (2 + 2 * len(inner)))
        height += max(p.height for _, p in inner) + LINE + 2 * PAD
    left = max((SMALL * len(p) for p in box.params), default=-PAD) + PAD
    height = max(height, NOTE * len(box.params))
    return _Drawn(box, lines, inner, Extent(width, height, left, LOOP if loops else 0.0))


def _wrapped(box: Box) -> Iterator[str]:
    """The text of a box in short lines, the last ones left out of a long one."""
    for text in box.lines:
        # A line breaks before an operator, so that one begins with it, and not within brackets.
        joined = re.sub(r"\[[^\[\]]*\]", lambda m: m.group().replace(" ", "\u00a0"), text)
        joined = re.sub(r" (\|>|[-+*/%@^]|[<>=!]?=|<|>|and|or) ", " \\1\u00a0", joined)
        lines = textwrap.wrap(
            joined, COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        if len(lines) > ROWS:
            lines = [*lines[: ROWS - 1], "  ..."]
        yield from (line.replace("\u00a0", " ") for line in lines)


def _box(drawn: _Drawn, x: float, top: float) -> Iterator[str]:
    box, extent = drawn.box, drawn.extent
    fill, stroke = COLORS[box.kind]
    left = x - extent.width / 2
    radius = {"state": 14, "input": 11, "result": 11, "loss": 11, "block": 6}.get(box.kind, 3)
    shape = f'x="{left:.1f}" y="{top:.1f}" width="{extent.width:.1f}" height="{extent.height:.1f}"'
    dash = ' stroke-dasharray="5 3"' if box.kind in ("loss", "block") else ""
    yield f'<rect {shape} rx="{radius}" fill="{fill}" stroke="{stroke}" stroke-width="1.4"{dash}/>'
    if box.kind == "call":
        inset = (
            f'x="{left + 3:.1f}" y="{top + 3:.1f}" width="{extent.width - 6:.1f}" '
            f'height="{extent.height - 6:.1f}"'
        )
        yield f'<rect {inset} rx="2" fill="none" stroke="{stroke}" stroke-width="0.8"/>'
    yield from _text(drawn, x, left, top)
    yield from _params(box, left, top + extent.height / 2)


def _text(drawn: _Drawn, x: float, left: float, top: float) -> Iterator[str]:
    """Title and lines, in the middle of the box; above its pictures when it has some."""
    box = drawn.box
    texts = [t for t in (box.title, *drawn.lines) if t]
    y = top + (PAD / 2 if drawn.inner else (drawn.extent.height - LINE * len(texts)) / 2) + 12
    for number, text in enumerate(texts):
        css = ' class="title"' if number == 0 and box.title else ""
        start = left + PAD if drawn.inner or len(texts) > 2 else x
        anchor = "" if drawn.inner or len(texts) > 2 else ' text-anchor="middle"'
        shown = escape(text)
        if box.kind == "input" and box.type:
            shown += f'<tspan class="note"> {escape(box.type)}</tspan>'
        at = f'x="{start:.1f}" y="{y:.1f}"'
        yield f'<text{css} xml:space="preserve" {at}{anchor}>{shown}</text>'
        y += LINE
    at = left + 2 * PAD
    for title, picture in drawn.inner:
        yield f'<text class="note" x="{at:.1f}" y="{y:.1f}">{escape(title)}</text>'
        yield f'<g transform="translate({at:.1f} {y + PAD:.1f})">'
        yield from picture.parts
        yield "</g>"
        at += picture.width + 2 * PAD


def _params(box: Box, left: float, middle: float) -> Iterator[str]:
    """Parameters beside the box, a wire to each."""
    y = middle - NOTE * (len(box.params) - 1) / 2
    for text in box.params:
        yield f'<path class="wire" d="M{left - PAD + 3:.1f} {y:.1f}H{left:.1f}"/>'
        yield (
            f'<text class="note" text-anchor="end" x="{left - PAD:.1f}" y="{y + 3.5:.1f}">'
            f"{escape(text)}</text>"
        )
        y += NOTE


# -- edges -----------------------------------------------------------------------------------------


def _edges(graph: Graph, placed: Placed, drawn: Sequence[_Drawn]) -> Iterator[str]:
    ends = _ports(graph, placed, drawn)
    for pair, points in placed.routes.items():
        route = [*points[:-1], (ends[pair], points[-1][1])]
        yield f'<path class="edge" marker-end="url(#to)" d="{_curve(route)}"/>'
    for source, target in graph.feedback:
        yield from _back(placed, drawn, source, target)


def _ports(graph: Graph, placed: Placed, drawn: Sequence[_Drawn]) -> dict[tuple[int, int], float]:
    """Where edges enter a box: side by side, in the order in which they come."""
    out: dict[tuple[int, int], float] = {}
    for target in range(len(drawn)):
        pairs = sorted(
            {p for p in graph.edges if p[1] == target}, key=lambda p: placed.routes[p][-2][0]
        )
        width = min(drawn[target].extent.width - 2 * PAD, 24.0 * (len(pairs) - 1))
        for rank, pair in enumerate(pairs):
            share = rank / (len(pairs) - 1) - 0.5 if len(pairs) > 1 else 0.0
            out[pair] = placed.x[target] + share * width
    return out


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Smooth from point to point, leaving and arriving straight down."""
    (x, y), *rest = points
    path = f"M{x:.1f} {y:.1f}"
    for to_x, to_y in rest:
        if abs(to_x - x) < 0.5:
            path += f"V{to_y:.1f}"
        else:
            middle = (y + to_y) / 2
            path += f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
        x, y = to_x, to_y
    return path


def _back(placed: Placed, drawn: Sequence[_Drawn], source: int, target: int) -> Iterator[str]:
    """A dashed arrow from a state to what reads its value before the token."""
    a, b = drawn[source].extent, drawn[target].extent
    side = 1 if placed.x[target] >= placed.x[source] else -1
    from_x, from_y = placed.x[source] + a.width / 2, placed.top[source] + a.height * 0.72
    to_x = placed.x[target] - side * (b.width / 2 - 16)
    to_y = placed.top[target] + b.height
    if placed.top[source] > to_y and abs(to_x - placed.x[source]) > a.width / 2 + 24:
        # Out at the side that faces the target, up into its bottom.
        from_x = placed.x[source] + side * a.width / 2
        bends = [((from_x + to_x) / 2, from_y), (to_x, from_y)]
    else:
        to_x, to_y = placed.x[target] + b.width / 2, placed.top[target] + b.height * 0.28
        bends = [(max(from_x, to_x) + 24, y) for y in (from_y, to_y)]
    points = [(from_x, from_y), *bends, (to_x, to_y)]
    curve = " ".join(f"{x:.1f} {y:.1f}" for x, y in points[1:])
    yield (
        f'<path class="feedback" marker-end="url(#back)" d="M{from_x:.1f} {from_y:.1f}C{curve}"/>'
    )
    x, y = (sum(p[i] * w for p, w in zip(points, (1, 3, 3, 1), strict=True)) / 8 for i in (0, 1))
    yield f'<text class="feedback-label" x="{x + 3:.1f}" y="{y + 3.5:.1f}">[t-1]</text>'


def _labels(graph: Graph, placed: Placed, drawn: Sequence[_Drawn]) -> Iterator[str]:
    """The axes of each value, where its edges begin, on the side that fewer of them turn to."""
    for number in sorted({source for source, _ in graph.edges}):
        box, x = drawn[number].box, placed.x[number]
        if not box.type or box.kind == "input":
            continue
        turns = [placed.routes[p][1][0] - x for p in graph.edges if p[0] == number]
        left = sum(turns) > 1
        y = placed.top[number] + drawn[number].extent.height + 12
        anchor = ' text-anchor="end"' if left else ""
        x += -6 if left else 6
        yield f'<text class="type" x="{x:.1f}" y="{y:.1f}"{anchor}>{escape(box.type)}</text>'
