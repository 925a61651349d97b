"""Figures of a report: what they draw, that they stand alone, that nothing in them acts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example as example_of
from hypothesis import given
from hypothesis import strategies as st

from asiarch.search.report import data as d
from asiarch.search.report import figures
from asiarch.search.report.axes import Scale, scale, spread
from asiarch.search.report.canvas import Canvas, Figure, Labels
from asiarch.search.report.example import example
from asiarch.search.report.figures.discovery import WITHOUT
from asiarch.search.report.figures.pareto import front
from asiarch.search.report.lineages import best_of, first_parents, forest_of, rows_of
from asiarch.search.report.sections import pictures
from asiarch.search.report.text import clean, cut, interval, number, tick, width

SVG = "{http://www.w3.org/2000/svg}"
MADE = example(300, code=False)
HOSTILE = "</text><script>alert(1)</script>\"'& \u202edrow\u202c \u05e9\u05dc\u05d5\u05dd \x00\x1b"


def texts(figure: Figure) -> str:
    """All text that is drawn, tips and title left out."""
    root = ElementTree.fromstring(figure.svg())
    return "\n".join(t.text or "" for t in root.iter(f"{SVG}text"))


def hostile(data: d.ReportData) -> d.ReportData:
    rows = tuple(replace(c, name=HOSTILE, niche={"state": HOSTILE}) for c in data.candidates)
    return replace(
        data,
        candidates=rows,
        components=tuple(replace(c, name=HOSTILE) for c in data.components),
        discoveries=tuple(replace(a, arm=HOSTILE) for a in data.discoveries),
        shares=tuple(replace(s, group=HOSTILE) for s in data.shares),
        rate_curves=tuple(replace(c, name=HOSTILE) for c in data.rate_curves),
        tiers=tuple(replace(t, first=HOSTILE) for t in data.tiers),
    )


def unknown(data: d.ReportData) -> d.ReportData:
    """The same without a number."""
    rows = tuple(
        replace(
            c, overall=d.UNKNOWN, confirmed=d.UNKNOWN, flops=math.nan, state=math.inf, effects=()
        )
        for c in data.candidates
    )
    nothing = tuple(
        replace(c, causal=d.UNKNOWN, model=d.UNKNOWN, lift=d.UNKNOWN) for c in data.components
    )
    curves = tuple(replace(c, losses=(math.nan,) * 3) for c in data.rate_curves)
    return replace(data, candidates=rows, components=nothing, rate_curves=curves)


ONE = replace(d.ReportData(), candidates=(next(c for c in MADE.candidates if c.claim),))
CASES = {
    "made": MADE,
    "empty": d.ReportData(),
    "one": ONE,
    "hostile": hostile(MADE),
    "unknown": unknown(MADE),
}


@pytest.mark.parametrize("case", CASES)
def test_every_figure_is_whole_and_says_what_it_is(case: str) -> None:
    names: list[str] = []
    for figure in pictures(CASES[case]):
        names.append(figure.name)
        root = ElementTree.fromstring(figure.svg())
        ids = {e.get("id") for e in root.iter() if e.get("id")}
        labels = (root.get("aria-labelledby") or "").split()
        assert len(labels) == 2
        assert set(labels) <= ids
        assert (root.findtext(f"{SVG}title") or "").strip()
        assert (root.findtext(f"{SVG}desc") or "").strip()
        assert not list(root.iter(f"{SVG}script"))
        assert not re.search(
            r"\b(nan|inf)\b", re.sub(r"<(title|desc|text)[^>]*>[^<]*", "", figure.svg())
        )
    assert len(names) == len(set(names)) == 12


@pytest.mark.parametrize("case", CASES)
def test_marks_and_texts_stay_in_the_picture(case: str) -> None:
    for figure in pictures(CASES[case]):
        root = ElementTree.fromstring(figure.svg())
        for element in root.iter(f"{SVG}text"):
            x, y = float(element.get("x") or 0), float(element.get("y") or 0)
            shown = "".join(element.itertext()).split("\n")[0]
            size = 11 if "t" in (element.get("class") or "").split() else 12
            title = element.findtext(f"{SVG}title") or ""
            wide = 0.85 * width(shown.removesuffix(title), size)
            kind = (element.get("class") or "").split()
            left = x - (wide if "e" in kind else wide / 2 if "c" in kind else 0)
            if not element.get("transform"):
                assert left >= -6, (figure.name, shown)
                assert left + wide <= figure.width + 6, (figure.name, shown)
                assert 0 < y <= figure.height, (figure.name, shown)


def test_hostile_names_are_shown_and_do_nothing() -> None:
    for figure in pictures(CASES["hostile"]):
        text = figure.svg()
        assert "<script" not in text
        assert "\u202e" not in text
        assert "\x00" not in text


def test_a_picture_is_the_same_each_time() -> None:
    again = example(300, code=False)
    assert again == MADE
    assert [f.svg() for f in pictures(again)] == [f.svg() for f in pictures(MADE)]


def test_a_figure_shows_itself_in_a_notebook() -> None:
    figure = figures.forest(MADE.candidates)
    assert figure._repr_svg_().startswith("<svg xmlns=")
    assert "<style>" in figure.svg()
    assert "<style>" not in figure.svg(alone=False)
    table = figures.edit_effects(MADE.edit_effects)
    assert "<table" in table._repr_html_()


# -- forest ----------------------------------------------------------------------------------------


def test_forest_tells_fresh_seeds_from_those_that_chose() -> None:
    claim = next(c for c in MADE.candidates if c.claim)
    shown = texts(figures.forest(MADE.candidates, MADE.asked))
    order = [shown.index(t) for t in ("On fresh seeds", "Panel", "Screened only", "baseline again")]
    assert order == sorted(order)
    assert interval(claim.confirmed) in shown
    body = figures.forest((claim,)).body
    assert 'class="f k0"' in body
    assert 'class="o k1"' in body
    lost = replace(claim, claim=False)
    assert 'class="f k0"' not in figures.forest((lost,)).body.split("selection seeds")[1]


def test_forest_has_the_baseline_at_zero_between_losses_and_gains() -> None:
    def at(value: float) -> float:
        e = d.Estimate(value, value - 0.1, value + 0.1)
        other = d.Candidate(id="o", name="o", overall=d.Estimate(1, 0.9, 1.1))
        body = figures.forest(
            (replace(ONE.candidates[0], confirmed=d.UNKNOWN, overall=e), other)
        ).body
        zero = float(re.findall(r'<path class="zero" d="M([\d.]+) ', body)[0])
        mark = re.findall(r'<path class="o k1" d="M([\d.]+) ', body)
        return sorted(map(float, mark[1:]))[0] - zero

    assert at(-0.5) < 0 < at(0.5)


# -- Pareto ----------------------------------------------------------------------------------------


def slow_front(points: list[tuple[float, float]]) -> set[tuple[float, float]]:
    """Points that no other beats, by comparing all pairs."""
    return {
        (c, e)
        for c, e in points
        if not any(a <= c and b >= e and (a, b) != (c, e) for a, b in points)
    }


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-3, 3)), max_size=20))
def test_front_is_what_nothing_beats(points: list[tuple[float, float]]) -> None:
    found = [points[i] for i in front(points)]
    assert set(found) == slow_front(points)
    assert found == sorted(found)
    assert len(found) == len(set(found))


def test_front_leaves_out_what_was_not_measured() -> None:
    assert front([(math.nan, 1), (1, math.nan), (2, 0.5)]) == [2]


def test_the_null_arm_is_drawn_and_on_no_front() -> None:
    null = replace(ONE.candidates[0], id="n", name="luck", arm=d.NULL, confirmed=d.Estimate(9.0))
    figure = figures.pareto((*ONE.candidates, null), "flops")
    assert "luck" not in figure.desc
    assert "luck" in figure.body


def test_missing_costs_are_counted() -> None:
    other = replace(ONE.candidates[0], id="other", time=math.nan)
    figure = figures.pareto((*ONE.candidates, other), "time")
    assert "1 without this measurement" in texts(figure)


# -- discoveries -----------------------------------------------------------------------------------


def test_the_null_arm_is_always_drawn_or_its_absence_said() -> None:
    without = tuple(a for a in MADE.discoveries if a.arm != d.NULL)
    assert WITHOUT not in texts(figures.discovery(MADE.discoveries))
    assert WITHOUT in texts(figures.discovery(without))
    assert WITHOUT in figures.discovery(without).desc


def test_the_likeliest_fit_is_named() -> None:
    assert "poisson, 0.50 per 1e14, AIC 14.2 (least)" in texts(figures.discovery(MADE.discoveries))


# -- lineage ---------------------------------------------------------------------------------------


def test_every_candidate_stands_in_the_tree_once() -> None:
    rows = [b for root in forest_of(MADE.candidates, 12) for b in rows_of(root)]
    inside = [b.candidate.id for b in rows] + [o.id for b in rows for o in b.others]
    assert len(inside) == len(set(inside))
    assert {c.id for c in best_of(MADE.candidates, 12)} <= set(inside)


def test_parents_in_a_circle_are_cut() -> None:
    def row(id: str, *parents: str) -> d.Candidate:
        return d.Candidate(id=id, name=id, parents=parents, overall=d.Estimate(0.1))

    circle = (row("a", "b"), row("b", "c"), row("c", "a"), row("d", "d"), row("e", "gone"))
    assert len(first_parents(circle)) == 2
    assert {b.candidate.id for r in forest_of(circle, 9) for b in rows_of(r)} == set("abcde")


# -- others ----------------------------------------------------------------------------------------


def test_provenance_stands_beside_the_paper() -> None:
    shown = texts(figures.provenance((d.Share("ours", (3, 1, 0)),)))
    assert "75.0 / 25.0 / 0.0 %" in shown
    assert "48.6 / 44.8 / 6.6 %" in shown


def test_a_tier_whose_interval_holds_zero_must_not_gate() -> None:
    pair = d.TierPair("T1", "T2", d.Estimate(0.3, -0.1, 0.6), 10)
    assert "must not gate" in texts(figures.tier_agreement((pair,)))
    good = replace(pair, rho=d.Estimate(0.5, 0.1, 0.8))
    assert "must not gate" not in texts(figures.tier_agreement((good,)))


def test_a_curve_that_breaks_off_is_marked() -> None:
    broken = d.Curve("update", "0", (2.0, 1.5, math.nan, math.nan))
    assert "not finite from here" in figures.training_curves((broken,)).body
    assert "not finite" not in figures.training_curves((replace(broken, losses=(2.0, 1.5)),)).body


def test_failures_count_reasons_by_tier() -> None:
    shown = texts(figures.failures(MADE.candidates))
    nan = sum(c.reason == "nan" for c in MADE.candidates)
    of = sum(not c.panel and c.arm != d.NULL for c in MADE.candidates)
    assert f"{nan} ({100 * nan / of:.1f} %)" in shown


# -- numbers, texts, places ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "0"), (0.12345, "0.123"), (-0.5, "\u22120.500"), (1234.0, "1234"),
        (12345.0, "12.3k"), (1.5e6, "1.50M"), (2e-5, "2.0e\u22125"), (math.nan, "–"),
        (math.inf, "–"), (0.00047, "0.0005"), (-0.0002, "\u22120.0002"),
    ],
)  # fmt: skip
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_intervals_have_the_places_that_their_width_makes_sense_of() -> None:
    assert interval(d.Estimate(0.12, 0.03, 0.21)) == "+0.12 (+0.03 to +0.21)"
    assert interval(d.Estimate(-0.00047, -0.01, 0.009)) == "0.000 (\u22120.010 to +0.009)"
    assert interval(d.Estimate(1.0)) == "+1"
    assert interval(d.UNKNOWN) == "–"


@given(st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_ticks_and_numbers_are_short(value: float, sign: bool) -> None:
    if abs(value) < 1e15:
        assert len(number(value, sign=sign)) <= 9
        assert len(tick(value, sign=sign)) <= 11


@given(st.text(), st.floats(10, 300))
def test_cut_text_fits(text: str, room: float) -> None:
    shown = cut(text, room, 11)
    assert width(shown, 11) <= room or shown == "…"


@given(st.text(st.characters(exclude_categories=[])))
def test_cleaned_text_can_be_written_as_xml(text: str) -> None:
    canvas = Canvas()
    canvas.text(0, 0, text)
    ElementTree.fromstring(canvas.figure("x", text, text, 9, 9).svg())
    assert not set(clean(text)) & set("\u202a\u202b\u202d\u202e\u2066\u2067\x00\x1b")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.booleans())
@example_of([0.0, 5e-324], False)
@example_of([0.0, 1e-280], False)
@example_of([1e6, 1e6 + 1e-9], False)
def test_scales_hold_their_values_and_have_ticks(values: list[float], zero: bool) -> None:
    made = scale(values, 0, 100, zero=zero)
    assert all(-1e-6 <= made(v) <= 100 + 1e-6 for v in values)
    assert 1 <= len(made.ticks(5)) <= 7
    assert len(set(made.ticks(5))) == len(made.ticks(5))


@given(st.lists(st.floats(1e-6, 1e9), min_size=1))
def test_logarithmic_scales(values: list[float]) -> None:
    made = scale(values, 0, 100, log=True)
    assert all(-1e-6 <= made(v) <= 100 + 1e-6 for v in values)
    assert len(made.ticks(5)) <= 6


@given(st.lists(st.floats(0, 100), max_size=8))
def test_spread_places_keep_order_and_gap(places: list[float]) -> None:
    found = sorted(spread(places, 10, 0, 100))
    assert all(b - a >= 10 - 1e-6 for a, b in pairwise(found))


def test_labels_never_lie_on_each_other() -> None:
    canvas, labels = Canvas(), Labels(0, 0, 400, 300)
    written = [labels.put(canvas, 200, 150, "a long name", "", 100) for _ in range(90)]
    assert any(written)
    assert not all(written)


def test_a_coordinate_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="leave such points out"):
        Canvas().line([(0, 0), (math.nan, 1)], "l")


def test_a_scale_runs_from_start_to_end() -> None:
    made: Callable[[float], float] = Scale(0, 10, 100, 0)
    assert (made(0), made(5), made(10)) == (100, 50, 0)


@pytest.mark.parametrize("name", ["forest", "lineage"])
def test_pictures_of_the_documents_are_those_of_the_command(name: str) -> None:
    kept = (Path(__file__).parents[2] / "docs" / "search" / f"{name}.svg").read_text("utf-8")
    assert kept == next(f.svg() for f in pictures(MADE) if f.name == name)


def test_a_wide_interval_does_not_flatten_the_others() -> None:
    def marks(*intervals: tuple[float, float, float]) -> list[float]:
        rows = [d.Component(f"c{i}", d.Estimate(*e)) for i, e in enumerate(sorted(intervals)[::-1])]
        circles = re.findall(
            r'<path class="[fo] k0" d="M([\d.]+) ', figures.attribution(rows).svg()
        )
        return [float(x) for x in circles]

    alone = marks((1.0, 0.5, 1.5), (2.0, 1.5, 2.5))
    # planted: one that was hardly measured
    beside = marks((1.0, 0.5, 1.5), (2.0, 1.5, 2.5), (1.5, -1000.0, 1000.0))
    assert alone[0] - alone[1] > 20
    assert beside[0] - beside[2] > 20
    tip = interval(d.Estimate(1.5, -1000.0, 1000.0))
    assert tip in figures.attribution([d.Component("c", d.Estimate(1.5, -1000.0, 1000.0))]).svg()


def test_components_stand_under_their_winner_and_what_is_hidden_is_counted() -> None:
    rows = [
        d.Component(f"part {i}", d.Estimate(v, v - 1, v + 1), winner=winner)
        for winner in ("first", "second")
        for i, v in enumerate((5.0, -4.0, 3.0, 0.1, 0.2, 0.3, 0.4, 0.5))
    ]
    text = figures.attribution(rows, most=12).svg()
    assert text.count(">first</text>") == text.count(">second</text>") == 1
    assert text.count("and 2 that do less") == 2
    # What harms does much too.
    assert text.count(">part 1</text>") == 2
    assert ">part 3</text>" not in text
