"""The table of all candidates: every one has a row; a script sorts and filters it in the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asiarch.search.report.data import Asked, Candidate
from asiarch.search.report.outcome import OUTCOMES, PANEL, TURNED, outcome
from asiarch.search.report.text import anchor, cut, escape, interval, number

NAME, REASON = 190, 110  # pixels of a name and of a reason
COLUMNS = (
    ("name", ""), ("arm", ""), ("outcome", ""), ("tier", ""), ("selection seeds", "n"),
    ("fresh seeds", "n"), ("seeds", "n"), ("parameters", "n"), ("FLOPs", "n"),
    ("state", "n"), ("time", "n"), ("order", "n"),
)  # fmt: skip

_CAPTION = (
    "Effects by kind of seeds (fresh ones with intervals that hold for all at once); seeds; "
    "parameters, FLOPs per token and floats of state{}; measured time, {}; order of proposal."
)


def candidate_table(candidates: Sequence[Candidate], asked: Asked) -> str:
    """HTML of the controls and the table. Without a script it is a table in order of effect."""
    rows = sorted(candidates, key=lambda c: _rank(c, asked))
    heads = "".join(
        f'<th scope="col"{f" class={css}" if css else ""}><button type="button">{escape(name)}'
        "</button></th>"
        for name, css in COLUMNS
    )
    body = "".join(_row(c, asked) for c in rows)
    at = f" of the network of {asked.cost_task}" if asked.cost_task else ""
    caption = escape(_CAPTION.format(at, asked.time_unit))
    return (
        f"{''.join(_controls(candidates, asked))}"
        f'<div class="wide"><table id="all"><caption>{caption}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _rank(c: Candidate, asked: Asked) -> tuple[int, float, int, str]:
    shown = c.confirmed if c.confirmed.known else c.overall
    place = OUTCOMES.index(outcome(c, claims=asked.claims))
    return place, -shown.value if shown.known else 0.0, c.order, c.id


def _controls(candidates: Sequence[Candidate], asked: Asked) -> Iterator[str]:
    """A text, an outcome and an arm to filter by; hidden until the script is there to obey them."""
    arms = sorted({c.arm for c in candidates})
    present = {outcome(c, claims=asked.claims) for c in candidates}
    yield '<form id="filter" hidden><label>find <input type="search" id="find"></label>'
    yield _select("outcome", [o for o in OUTCOMES if o in present])
    yield _select("arm", arms)
    yield '<output id="shown" aria-live="polite"></output></form>'


def _select(name: str, values: Sequence[str]) -> str:
    options = "".join(f"<option>{escape(v)}</option>" for v in values)
    return (
        f'<label>{name} <select id="{name}"><option value="">all</option>{options}</select></label>'
    )


def _row(c: Candidate, asked: Asked) -> str:
    what = outcome(c, claims=asked.claims)
    said = f": {c.reason}" if what == TURNED or (what == PANEL and c.reason) else ""
    cells = (
        escape(c.arm), escape(cut(what + said, REASON, 12)), escape(c.reached),
    )  # fmt: skip
    numbers = (
        interval(c.overall), interval(c.confirmed), str(c.seeds) if c.seeds else "–",
        *(number(v) for v in (c.parameters, c.flops, c.state, c.time)), str(c.order),
    )  # fmt: skip
    name = f'<a href="#{anchor(c.id)}"><bdi>{escape(cut(c.name, NAME, 13))}</bdi></a>'
    return (
        f'<tr><th scope="row">{name}</th>'
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "".join(f"<td>{escape(cell)}</td>" for cell in numbers)
        + "</tr>"
    )
