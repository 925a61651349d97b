"""Niche map: which mechanisms were tried, and the best effect of each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asiarch.search.report.canvas import Canvas, Figure
from asiarch.search.report.data import NULL, Asked, Candidate, Estimate
from asiarch.search.report.figures.kinds import legend, nothing
from asiarch.search.report.lineages import beside
from asiarch.search.report.style import SMALL
from asiarch.search.report.text import MISSING, count, effect, width

ROWS, COLUMNS = ("state", "transition", "attention"), ("gating", "read")
LEAST, MOST, NAMES, HEIGHT = 84.0, 140.0, 240.0, 38.0
TITLE = "Best effect of each mechanism"


def niche_map(
    candidates: Sequence[Candidate],
    asked: Asked | None = None,
    rows: Sequence[str] = ROWS,
    columns: Sequence[str] = COLUMNS,
) -> Figure:
    """A table of niches by two groups of mechanisms, what else tells niches apart taken together.

    A cell has its best effect on the seeds that all were measured on, how many candidates were
    tried, and how many of them were measured. A cell that was tried in vain is hatched, one never
    tried is blank.
    """
    asked = asked or Asked()
    cells: dict[tuple[str, str], list[Candidate]] = {}
    for c in candidates:
        if c.niche and c.arm != NULL:
            cells.setdefault((_key(c, rows), _key(c, columns)), []).append(c)
    if not cells:
        return nothing("niches", TITLE, "No candidate with a known mechanism was tried yet.")
    down = sorted({r for r, _ in cells})
    across = sorted({c for _, c in cells})
    canvas = Canvas()
    left = min(max([width(r, 12) for r in down] + [100.0]), NAMES) + 14
    cell = min(max([LEAST, *(width(c, SMALL) + 12 for c in across)]), MOST)
    wide = max(left + cell * len(across), 420.0)
    legend(canvas, 0, 14, wide, _LEGEND)
    top = 58.0
    canvas.text(
        0, top - 8, f"{' · '.join(rows)}   by   {' · '.join(columns)}", "t m", room=left + 200
    )
    top += 16
    strongest = max((abs(_best(v).value) for v in cells.values() if _best(v).known), default=0.0)
    for i, name in enumerate(across):
        canvas.text(left + cell * (i + 0.5), top - 4, name, "t c", room=cell - 6)
    for j, row in enumerate(down):
        y = top + HEIGHT * j
        canvas.text(left - 10, y + HEIGHT / 2 + 4, row, "e", room=left - 14)
        for i, column in enumerate(across):
            found = cells.get((row, column), [])
            _cell(canvas, (left + cell * i, y, cell - 3), found, strongest, f"{row}, {column}")
    best = sorted(
        ((_best(v), r, c) for (r, c), v in cells.items() if _best(v).known),
        key=lambda e: -e[0].value,
    )
    desc = (
        f"{count(len(cells), 'niche')} of {len(down) * len(across)} were tried. Best: "
        + ("; ".join(f"{r}, {c} {effect(b.value)}" for b, r, c in best[:5]) or "none measured")
        + f". Effects in {asked.unit}, positive is better than the baseline."
    )
    height = top + HEIGHT * len(down) + 10
    return canvas.figure("niches", TITLE, desc, wide, height)


_LEGEND = (
    ("f good", "square", "better than the baseline"),
    ("f bad", "square", "worse"),
    ("l null", "line", "tried, none measured"),
)


def _short(value: str) -> str:
    return MISSING if value in ("", "none") else value


def _key(candidate: Candidate, names: Sequence[str]) -> str:
    return " · ".join(_short(candidate.niche.get(n, "")) for n in names)


def _best(found: Sequence[Candidate]) -> Estimate:
    known = [e for c in found if (e := beside(c)).known]
    return max(known, key=lambda e: e.value, default=Estimate())


def _cell(
    canvas: Canvas, at: tuple[float, float, float], found: Sequence[Candidate], strongest: float,
    name: str,
) -> None:  # fmt: skip
    x, y, w = at
    h = HEIGHT - 3
    if not found:
        canvas.rect(x, y, w, h, "soft")
        return
    best = _best(found)
    measured = sum(c.confirmed.known or c.overall.known for c in found)
    tip = f"{name}: {count(len(found), 'candidate')}, {measured} measured"
    canvas.rect(x, y, w, h, "soft", tip=tip)
    if not best.known:
        for k in range(6, int(w + h), 12):
            a, b = (x + max(k - h, 0), y + min(k, h)), (x + min(k, w), y + max(k - w, 0))
            canvas.line([a, b], "grid")
        canvas.text(x + w / 2, y + h / 2 + 4, f"{len(found)} tried", "t m c halo")
        return
    share = math.sqrt(abs(best.value) / strongest) if strongest else 0.0
    css = "good" if best.value >= 0 else "bad"
    # The bar says how large, so that no one need read a shade.
    canvas.rect(x, y + h - 5, w * share, 5, f"f {css}")
    canvas.text(x + w / 2, y + 14, effect(best.value), "b c")
    canvas.text(x + w / 2, y + 27, f"{measured} of {len(found)}", "t m c")
