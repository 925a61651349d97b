"""The page of a report: its structure, that nothing planted acts, that its numbers are right."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from dataclasses import dataclass, field, fields, replace
from functools import cache
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asiarch.search.report import data as d
from asiarch.search.report import page as page_module
from asiarch.search.report.example import example, program
from asiarch.search.report.figures.discovery import WITHOUT
from asiarch.search.report.outcome import outcome
from asiarch.search.report.page import page
from asiarch.search.report.program import difference, highlighted, packed, unpacked
from asiarch.search.report.text import anchor, clean, interval, number
from asiarch.search.report.verdict import verdict

VOID = {"meta", "input", "img", "br", "link"}
HOSTILE = (
    '</script></style></title><script>alert("planted")</script><img src=x onerror=alert(1)>'
    '" onload="alert(2)" \'&<b> ]]> --> \u202eright\u202c \u05e9\u05dc\u05d5\u05dd \x00 http://example.org'
)
MADE = example(300, code=False)


@dataclass
class Read(HTMLParser):
    """A page taken apart: elements with attributes, text, and what was never closed."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.order.append(data)
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]


def read(text: str) -> Read:
    parser = Read()
    parser.feed(text)
    parser.close()
    return parser


def whole(text: str) -> Read:
    """A page with its packed sections unpacked in their places."""
    parts = unpacked(re.findall(r'id="parts">([^<]*)<', text)[0])
    filled = re.sub(r'<div data-part="(\d+)">[^<]*</div>', lambda m: parts[int(m.group(1))], text)
    return read(filled)


def planted(data: d.ReportData) -> d.ReportData:
    """Every text that comes from elsewhere is hostile."""
    texts = {"a": HOSTILE, HOSTILE: HOSTILE}
    edit = d.Edit(HOSTILE, HOSTILE, HOSTILE, HOSTILE, (HOSTILE,))
    effect = d.Effect(HOSTILE, d.SELECTION, 2, d.Estimate(0.1, 0, 0.2), baseline=HOSTILE)
    rows = tuple(
        replace(
            c, id=f"{HOSTILE}{i}", name=HOSTILE, text=f"{HOSTILE}\n{HOSTILE} {i}",
            op=HOSTILE, sizes={HOSTILE: 3},
            arm=HOSTILE if i % 3 else c.arm, parents=(f"{HOSTILE}{i // 2}", HOSTILE), edits=(edit,),
            reason=HOSTILE if i % 2 else "", reached=HOSTILE, message=HOSTILE, niche=texts,
            near=(d.Near(HOSTILE, 0.1, HOSTILE),), ledger=((HOSTILE, HOSTILE, HOSTILE),),
            facts=texts, effects=(effect,), code=HOSTILE, graph=HOSTILE, audit=(HOSTILE,),
            note=HOSTILE, curves=(d.Curve(HOSTILE, HOSTILE, (1.0, 0.5)),),
        )
        for i, c in enumerate(data.candidates[:40])
    )  # fmt: skip
    kinds: dict[str, object] = {
        "bool": True, "float": 0.95, "tuple[str, ...]": (HOSTILE,), "Mapping[str, str]": texts
    }  # fmt: skip
    asked = d.Asked(**{f.name: kinds.get(str(f.type), HOSTILE) for f in fields(d.Asked)})  # type: ignore[arg-type]
    return replace(
        data, asked=asked, candidates=rows, pareto_question=HOSTILE, compute_unit=HOSTILE,
        discoveries=tuple(replace(a, arm=HOSTILE) for a in data.discoveries),
        components=(d.Component(HOSTILE, d.Estimate(0.1), winner=HOSTILE),),
        component_notes=(HOSTILE,),
        associations=d.Associations(
            (d.Motif(HOSTILE, 3, 2, d.Estimate(2.0, 1.0, 4.0), 0.1),), 1, 3, 2, notes=(HOSTILE,)
        ),
        power=d.Power(
            0.05, 8, error=d.Estimate(0.03, 0.02, 0.04), simulations=9, simulated=HOSTILE
        ),
        shares=(d.Share(HOSTILE, (1, 2, 3)),),
        tiers=(d.TierPair(HOSTILE, HOSTILE, d.Estimate(0.1, 0, 0.2)),),
        rate_curves=(d.RateCurve(HOSTILE, (1.0, 2.0, 3.0), True),),
        edit_effects=(d.EditEffect(HOSTILE, HOSTILE, 1, 1, d.Estimate(0.1)),),
    )  # fmt: skip


CASES = {
    "made": MADE,
    "empty": d.ReportData(),
    "one": replace(MADE, candidates=MADE.candidates[:1]),
    "no claims": replace(
        MADE, candidates=tuple(replace(c, claim=False) for c in MADE.candidates[:60])
    ),
    "planted": planted(MADE),
    "twice": replace(MADE, candidates=MADE.candidates[:5] * 2),
}


@cache
def made(case: str) -> tuple[str, Read]:
    """A case's page, and the page taken apart."""
    text = page(CASES[case])
    return text, whole(text)


# -- structure -------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_the_page_is_whole(case: str) -> None:
    _, found = made(case)
    assert not found.wrong
    assert not found.open
    ids = [a["id"] for _, a in found.elements if "id" in a]
    assert len(ids) == len(set(ids))
    wanted = [a["href"][1:] for a in found.all("a")]
    wanted += [i for _, a in found.elements for i in a.get("aria-labelledby", "").split()]
    assert set(wanted) <= set(ids)
    assert [t for t, _ in found.elements].count("h1") == 1


@pytest.mark.parametrize("case", CASES)
def test_every_picture_says_what_it_is(case: str) -> None:
    text, found = made(case)
    for picture in re.findall(r"<svg[^>]*>.*?</svg>", text, re.S):
        hidden = 'aria-hidden="true"' in picture.split(">")[0]
        assert hidden or re.search(r"<title[^>]*>[^<]+</title><desc[^>]*>[^<]+</desc>", picture)
    assert all(image["alt"] for image in found.all("img"))


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_loaded_from_anywhere(case: str) -> None:
    _, found = made(case)
    for tag, attrs in found.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href", "style"):
            value = attrs.get(name, "")
            assert not value or value.startswith(("#", "data:image/svg+xml;base64,")), (tag, value)
    assert not {"link", "iframe", "object", "embed", "base"} & {t for t, _ in found.elements}
    (sheet,) = found.texts["style"]
    assert "url(" not in sheet
    assert "@import" not in sheet


def test_the_policy_lets_run_the_one_script_of_the_page() -> None:
    (policy,) = [m["content"] for m in made("made")[1].all("meta") if "http-equiv" in m]
    (script,) = re.findall(r"<script>(.*?)</script>", made("made")[0], re.S)
    key = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{key}';" in policy


@pytest.mark.parametrize("case", CASES)
def test_the_page_is_the_same_each_time(case: str) -> None:
    assert page(CASES[case]) == made(case)[0]


def test_five_hundred_candidates_fit_in_two_megabytes() -> None:
    data = example(500)
    text = page(data)
    assert sum(bool(c.code) for c in data.candidates) > 300
    assert len(text.encode()) < 2_000_000
    found = whole(text)
    assert {anchor(c.id) for c in data.candidates} <= {a.get("id") for _, a in found.elements}
    codes = unpacked(re.findall(r'id="codes">([^<]*)<', text)[0])
    assert codes == [c.code for c in data.candidates if c.code]


def test_the_best_are_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "INLINE", 30_000)
    text = page(MADE)
    assert "data-part" in text
    for c in (c for c in MADE.candidates if c.claim):
        after = text.split(f'<details class="c" id="{anchor(c.id)}">')[1]
        assert after.split("</summary>")[1].startswith("<p>Audit")
    assert whole(text).elements == made("made")[1].elements


# -- hostile text ----------------------------------------------------------------------------------


def test_a_planted_script_does_not_survive() -> None:
    _, found = made("planted")
    assert [s.get("type", "") for s in found.all("script")] == ["text/plain", "text/plain", ""]
    assert not [a for _, attrs in found.elements for a in attrs if a.startswith("on")]
    assert not [i for i in found.all("img") if not i["src"].startswith("data:")]
    assert "alert" not in "".join(found.texts["script"])
    shown = "".join(t for texts in found.texts.values() for t in texts)
    assert '<script>alert("planted")</script>' in shown
    assert "\u202e" not in shown
    assert "\x00" not in shown


def test_what_is_not_escaped_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above sees a page that forgot to escape one thing."""
    monkeypatch.setattr("asiarch.search.report.detail.escape", lambda text: text)
    found = whole(page(CASES["planted"]))
    assert len(found.all("script")) > 3


# -- numbers ---------------------------------------------------------------------------------------


def rows_of(text: str) -> list[list[str]]:
    body = re.findall(r'<table id="all">.*?<tbody>(.*?)</tbody>', text, re.S)[0]
    found: list[list[str]] = []
    for row in re.findall(r"<tr>(.*?)</tr>", body, re.S):
        cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        found.append([re.sub(r"<[^>]+>", "", c) for c in cells])
    return found


def value(text: str) -> float:
    """The number that a cell shows, by its own reading of suffixes."""
    digits = re.fullmatch(r"([+\u2212]?[\d.]+(?:e\u2212?\d+)?)([kMG]?)", text.split(" (")[0])
    if not digits:
        return math.nan
    return (
        float(digits[1].replace("\u2212", "-")) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[digits[2]]
    )


def test_the_table_shows_every_candidate_with_its_own_numbers() -> None:
    rows = {row[-1] + row[0]: row for row in rows_of(made("made")[0])}
    assert len(rows) == len(MADE.candidates)
    for c in MADE.candidates:
        row = rows[f"{c.order}{c.name}"]
        assert row[1:4] == [c.arm, row[2], c.reached]
        assert row[2].startswith(outcome(c, claims=True))
        assert row[4:6] == [interval(c.overall), interval(c.confirmed)]
        shown = [value(cell) for cell in row[7:11]]
        for seen, true in zip(shown, (c.parameters, c.flops, c.state, c.time), strict=True):
            assert math.isnan(seen) == math.isnan(true)
            assert math.isnan(true) or seen == pytest.approx(true, rel=6e-3)
        if c.overall.known:
            assert value(row[4]) == pytest.approx(c.overall.value, abs=6e-4)


def test_a_section_shows_effects_programs_and_descent() -> None:
    claim = next(c for c in MADE.candidates if c.claim)
    text = made("made")[0].split(f'id="{anchor(claim.id)}"')[1].split('<details class="c"')[0]
    assert highlighted(claim.text) in text
    assert f"<span>{interval(claim.confirmed)} nats</span>" in text
    assert interval(claim.confirmed) != interval(claim.overall)
    for e in claim.effects:
        assert interval(e.estimate) in text
        assert number(e.learning_rate) in text
    parent = next(c for c in MADE.candidates if c.id == claim.parents[0])
    assert f'href="#{anchor(parent.id)}"' in text
    assert difference(parent.text, claim.text) in text
    assert claim.edits[0].what in text


def test_a_reason_is_shown_in_words() -> None:
    shown = "".join(made("made")[1].texts["p"])
    assert "Turned away: a loss was not finite at T1: the loss was not finite at step 140." in shown


def test_a_design_of_the_panel_that_failed_says_so_in_the_table() -> None:
    first = next(c for c in MADE.candidates if c.panel)
    failed = replace(first, reason="nan", reached="T1")
    text = page(replace(MADE, candidates=(failed,)))
    assert "<td>panel: nan</td>" in text
    assert "<td>panel</td><td>panel</td>" in page(replace(MADE, candidates=(first,)))


# -- the verdict -----------------------------------------------------------------------------------


def said(data: d.ReportData) -> str:
    found = verdict(data)
    return " ".join((found.headline, *found.said, *found.limits))


def test_a_screening_protocol_claims_nothing_whatever_the_rows_say() -> None:
    quick = replace(MADE, asked=replace(MADE.asked, protocol="quick", claims=False))
    assert verdict(quick).headline.startswith("No claim: the protocol quick screens")
    assert "0 of them passed" in said(quick)
    text = page(quick)
    assert "<span>claim</span>" not in text
    assert "<span>claim</span>" in made("made")[0]
    assert not re.search('class="f k0"[^>]*><title>', text.split("On fresh seeds")[1][:4000])


def test_a_claim_whose_interval_includes_the_baseline_says_so() -> None:
    """The test is one-sided, the interval is not: a reader must not find a contradiction."""
    claim = next(c for c in MADE.candidates if c.claim)
    near = replace(claim, confirmed=replace(claim.confirmed, value=0.7, low=-0.1, high=1.5))
    others = tuple(c for c in MADE.candidates if c.panel)
    one = replace(MADE, candidates=(near, *others))
    assert f"The two-sided interval of {near.name} includes the baseline" in said(one)
    of_one = "Of 1 operator measured on fresh seeds 1 passed the test of a claim, and the intervals"
    assert f"{of_one} of 0 (for all at once) are above the baseline" in page(one)
    clear = replace(near, confirmed=replace(near.confirmed, low=0.1))
    two = replace(MADE, candidates=(clear, *others))
    assert "two-sided" not in said(two)
    assert f"{of_one} of 1 (for all at once) are above the baseline" in page(two)


def test_claims_stand_with_their_intervals() -> None:
    claims = [c for c in MADE.candidates if c.claim]
    assert verdict(MADE).headline.startswith(f"{len(claims)} claims: ")
    assert all(interval(c.confirmed) in said(MADE) for c in claims)


def test_no_claim_is_said_with_what_would_have_been_missed() -> None:
    text = said(CASES["no claims"])
    assert text.startswith("No claim: ")
    assert "a true effect of 0.016 nats is found 80 % of the time" in text
    assert "no claim is no proof that there is none" in text
    assert "part of that is luck" in text


def test_unknown_power_is_said() -> None:
    assert "The power of this run is not known" in said(replace(MADE, power=None))


def test_a_pass_of_the_null_arm_is_no_claim_but_an_error() -> None:
    rows = tuple(replace(c, claim=c.arm == d.NULL and c.confirmed.known) for c in MADE.candidates)
    data = replace(MADE, candidates=rows)
    assert sum(c.claim for c in rows) == 1
    assert verdict(data).headline.startswith("No claim")
    assert "distrust the claims" in said(data)


def test_without_a_null_arm_the_page_says_so() -> None:
    data = replace(
        MADE,
        candidates=tuple(c for c in MADE.candidates if c.arm != d.NULL),
        discoveries=tuple(a for a in MADE.discoveries if a.arm != d.NULL),
    )
    assert "No null arm was run here" in said(data)
    assert WITHOUT in page(data)


def test_an_empty_store_has_a_page() -> None:
    text = page(d.ReportData())
    assert "Nothing was proposed yet" in text
    assert "There is no candidate yet." in text


# -- programs --------------------------------------------------------------------------------------


def stripped(markup: str) -> str:
    parser = Read()
    parser.feed(f"<pre>{markup}</pre>")
    return "".join(parser.order)


@given(st.text() | st.sampled_from([c.text for c in MADE.candidates[:20]]))
def test_marking_changes_no_text(text: str) -> None:
    lines = "\n".join("\t".join(map(clean, row.split("\t"))) for row in text.split("\n"))
    assert stripped(highlighted(text)) == lines


def test_words_of_the_language_are_marked() -> None:
    text = highlighted("op f[D](x: Seq[D]) -> Seq[D] where causal { # forward\n return 2.5 * x2 }")
    assert "<b>op</b>" in text
    assert "<b>return</b>" in text
    assert "<i># forward</i>" in text
    assert "<u>2.5</u>" in text
    assert "<u>2</u>" not in text


def test_a_difference_has_signs_and_only_what_changed() -> None:
    genes = {"rule": "delta", "gate": "silu", "norm": "l2", "conv": "none", "read": "after",
             "scale": "0"}  # fmt: skip
    changed = difference(program(genes), program(genes | {"gate": "none"}))
    assert re.findall(r"<(ins|del)>(.)", changed) == [("del", "-"), ("ins", "+")]
    assert difference(program(genes), program(genes)) == ""


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_packed_texts_come_back(texts: list[str]) -> None:
    if texts:
        assert unpacked(packed(texts)) == texts


def test_who_of_the_panel_is_above_the_baseline_is_said() -> None:
    """It was chosen on other seeds; what is beyond a candidate's bounds could not have been it."""
    panel = [c for c in MADE.candidates if c.panel]
    bar = next(c for c in panel if c.name == MADE.asked.baseline)
    first, second = [c for c in panel if c is not bar][:2]
    low = [replace(c, overall=d.Estimate(-1.0, -1.5, -0.5)) for c in panel if c is not bar]
    better = replace(first, overall=d.Estimate(0.2, -0.2, 0.6))
    beyond = replace(second, overall=d.Estimate(1.4, 0.9, 1.9))
    rest = [c for c in low if c.id not in (first.id, second.id)]
    made = replace(
        MADE,
        asked=replace(MADE.asked, ceiling=(second.name,)),
        candidates=(bar, better, beyond, *rest),
    )
    words = "Within a candidate's bounds the panel is above the baseline"
    assert f"{words}, {bar.name}, on the seeds that score: {first.name} +0.2 (" in said(made)
    assert words not in said(replace(made, candidates=(bar, beyond, *rest)))


def test_a_claim_says_what_it_is_made_of() -> None:
    claim = next(c for c in MADE.candidates if c.claim)
    fresh = [e for e in claim.effects if e.stage == d.CONFIRMATION]
    other = replace(fresh[0], task="elsewhere", stage=d.SELECTION)
    one = replace(MADE, candidates=(replace(claim, effects=(*claim.effects, other)),))
    words = said(one)
    for e in fresh:
        assert f"{e.task} {interval(e.estimate)}" in words
    assert f"Not part of the claim: elsewhere {interval(other.estimate)}." in words


def test_every_proposal_is_in_one_of_the_counts() -> None:
    words = said(MADE)
    found = re.search(
        r"(\d+) candidates were proposed: (\d+) turned away before any training, "
        r"(?:(\d+) failed on a run, )?(\d+) measured",
        words,
    )
    assert found is not None
    proposed, early, died, measured = (int(g or 0) for g in found.groups())
    assert proposed == early + died + measured
    assert died > 0


@pytest.mark.parametrize("case", ["made", "empty", "one", "no claims"])
def test_sentences_have_no_doubled_marks(case: str) -> None:
    words = said(CASES[case])
    assert not re.search(r",,|\.\.(?!\.)|;;|  |,\.|;\.", words), words
