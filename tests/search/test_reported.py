"""A search's store, attributed and simulated, and the report that shows all of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from asiarch import cli
from asiarch.search import protocol as presets
from asiarch.search.job import digest
from asiarch.search.loop import record
from asiarch.search.loop.record import revision
from asiarch.search.protocol import Tier
from asiarch.search.ranking import kept
from asiarch.search.ranking.kept import Kept, attributions, simulated_error
from asiarch.search.ranking.reported import UNASKED, reported
from asiarch.search.report.data import ReportData
from asiarch.search.report.page import page
from asiarch.search.report.verdict import verdict
from asiarch.search.store import Store
from tests.search.fake import World, normal
from tests.search.test_ranking_commands import InProcess
from tests.unit.search.support import problems

SMALL = presets.FULL.named(
    "full",
    panel=("panel.linc_mixer", "panel.scalar_mixer", "panel.gdn_mixer"),
    tiers=(Tier("T1", ("update.small", "copy.small"), (2, 3), 0.4),),
    learning_rates=(1e-2,),
    select_seeds=0,
    claim_tasks=("update.small", "copy.small"),
)
STORE = "search.db"
SEARCH = "full-full-0"


class Worth(World):
    """A design is worth what its text's hash says, more than noise; gated delta rules more."""

    def loss(self, program: str, op: str, task: str, seed: int) -> float:
        noise = 0.2 * normal("own", program, op, task, seed)
        gated = 5.0 * op.startswith("gdn")
        return 5 * normal("seed", task, seed) + noise - normal("worth", program) - gated


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store with a search, a null arm, an attribution and a noise floor."""
    path = tmp_path_factory.mktemp("reported")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        for module in ("ranking", "loop"):
            patch.setattr(f"asiarch.search.{module}.session.LocalProcesses", InProcess)
        patch.setattr("asiarch.search.lab.POLL", 0.0)
        patch.setattr(InProcess, "world", Worth())
        patch.setitem(presets.PRESETS, "full", SMALL)
        ran("search", "--candidates", "8", "--protocol", "full")
        with Store(STORE) as store:
            before = page(reported(store, SEARCH))
            id = best(store)
        Path("before.html").write_text(before, "utf-8")
        ran("search", "--candidates", "2", "--protocol", "full", "--arm", "null")
        ran("attribute", id[:12], "--grafts", "1")
        ran("noise-floor", "--task", "update", "--task", "copy", "--simulate", "40")
        yield path


def ran(*words: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        call = [*words, "--store", STORE, "--workers", "1"]
        patch.setattr("sys.argv", ["asiarch", *call])
        assert cli.main(call) == 0


def best(store: Store) -> str:
    data = reported(store, SEARCH)
    return max(
        (c for c in data.candidates if c.overall.known and not c.panel),
        key=lambda c: c.overall.value,
    ).id


@pytest.fixture
def store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.chdir(folder)
    monkeypatch.setitem(presets.PRESETS, "full", SMALL)
    with Store(STORE) as opened:
        yield opened


@pytest.fixture(scope="module")
def shown(folder: Path) -> ReportData:
    with Store(folder / STORE) as opened:
        return reported(opened, SEARCH)


def test_before_anything_was_retrained_the_page_says_how(folder: Path) -> None:
    text = (folder / "before.html").read_text("utf-8")
    assert UNASKED in text
    assert "was not simulated on the noise of this store" in text
    assert "`asiarch noise-floor --protocol full --store search.db` does it" in text
    assert re.search(r"Motifs were not asked about: \d+ candidates .* of \d lineages", text)


def test_a_report_shows_what_attribute_found(store: Store, shown: ReportData) -> None:
    (known,) = attributions(store)
    found = known.found
    named = {c.id: c.name for c in shown.candidates}
    by_title = {found.titles[r.component]: r for r in found.findings.removed}
    rows = {c.name: c for c in shown.components if c.causal.known}
    assert by_title
    assert rows.keys() == by_title.keys()
    for name, r in by_title.items():
        e = rows[name].causal
        assert (e.value, e.low, e.high) == (r.loss, r.low, r.high)
        assert rows[name].lineages == 1
    moved = {found.titles[t.component]: t.gain for t in found.findings.transferred}
    assert moved == {c.name: c.grafted.value for c in shown.components if c.grafted.known}
    text = unescape(page(shown))
    assert f"{named[found.winner.id]} was retrained without each component on 3 seeds" in text
    assert "kinds of components bring" in text or "bring no gain" in text
    assert "Nothing was attributed yet" not in text
    assert found.titles[found.findings.removed[0].component] in text


def test_the_code_and_the_graph_of_a_search_s_candidates_are_shown(shown: ReportData) -> None:
    """Rows of a store leave the hosts' width out."""
    measured = [c for c in shown.candidates if c.overall.known]
    assert all("D" not in c.sizes for c in measured)
    assert all("class" in c.code for c in measured)
    assert all(c.graph.startswith("<svg") for c in measured if c.panel)
    assert "emitted code" in page(shown)


def test_what_is_kept_is_what_was_found_and_is_kept_once(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / STORE, tmp_path / STORE)
    with Store(tmp_path / STORE) as store:
        (known,) = attributions(store)
        run = next(r for r in store.runs.all() if r.startswith("attribute "))
        protocol = SMALL.named(known.protocol, tiers=(tier(known),))

        def count() -> int:
            return sum(e.kind == kept.ATTRIBUTED for e in store.events.all())

        assert count() == 1
        kept.keep(store, run, known.found, protocol)
        assert count() == 1
        found = replace(known.found, reasons={"winner": "said otherwise"})
        kept.keep(store, run, found, protocol)
        assert count() == 2
        (latest,) = attributions(store)
        assert latest.found.reasons == found.reasons
        assert (latest.protocol, latest.steps) == (known.protocol, 0)
        # Of another form: left alone.
        store.events.add(kept.ATTRIBUTED, "other", {"form": 0}, run=run)
        assert len(attributions(store)) == 1
    assert problems(tmp_path / STORE) == []


def tier(known: Kept) -> Tier:
    return Tier("rank", known.tasks, (known.seeds,), 0.05)


def test_the_error_of_the_protocol_is_the_simulated_one(store: Store, shown: ReportData) -> None:
    error = simulated_error(store, digest(SMALL.to_json()))
    assert error is not None
    assert (error.whole, error.tasks) == (True, ("update.small", "copy.small"))
    assert shown.power is not None
    assert shown.power.error.value == error.worst.hits / 40
    assert shown.power.simulations == 40
    said = " ".join(verdict(shown).limits)
    assert "% of 40 simulated ones (copies of panel.gdn_mixer on update.small, copy.small" in said
    # Another protocol's is not this one's.
    assert simulated_error(store, "0" * 64) is None


def test_the_search_is_the_run_that_is_shown_unless_another_is_named(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(store.runs.all()) == 4
    assert cli.main(["report", STORE, "-o", "page.html"]) == 0
    said = capsys.readouterr().out
    assert f"the run {SEARCH}; --run names another: full-null-0, attribute " in said
    assert f"<title>Search: {SEARCH}</title>" in Path("page.html").read_text("utf-8")
    assert cli.main(["report", STORE, "--run", "full-null-0", "-o", "null.html"]) == 0
    text = Path("null.html").read_text("utf-8")
    # Its winner is another run's candidate.
    assert "Attributed in this store, and no candidate of this run: " in text


def test_planted_components_of_two_winners_are_not_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same component of two winners: each has its own number, under its winner's name."""
    (known,) = attributions(store)
    first = known.found
    other = next(i for i in store.knowledge.candidates(SEARCH) if i != first.winner.id)
    second = replace(
        first,
        winner=replace(first.winner, id=other),
        findings=replace(
            first.findings,
            removed=tuple(replace(r, loss=r.loss + 50) for r in first.findings.removed),
        ),
    )
    both = [known, replace(known, found=second)]
    monkeypatch.setattr("asiarch.search.ranking.reported.attributions", lambda _: both)
    data = reported(store, SEARCH)
    for r in first.findings.removed:
        rows = [c for c in data.components if c.name == first.titles[r.component]]
        assert sorted(c.causal.value for c in rows) == pytest.approx([r.loss, r.loss + 50])
        assert len({c.winner for c in rows}) == 2


def test_the_null_arm_stands_beside_the_search(folder: Path, shown: ReportData) -> None:
    """It ran apart, after the search; its candidates are on the search's page, as luck."""
    null = [c for c in shown.candidates if c.arm == "null"]
    assert len(null) == 2
    said = " ".join(verdict(shown).said)
    assert "8 candidates were proposed" in said
    assert "The null arm, the baseline against itself, had 2 candidates, with effects from" in said
    text = (folder / "before.html").read_text("utf-8")
    assert "No null arm was run here" in text
    assert "The null arm shows how high luck reaches" not in text
    assert "The null arm shows how high luck reaches" in unescape(page(shown))


def test_what_another_run_had_trained_counts_for_who_uses_it(store: Store) -> None:
    """The null arm asked for the panel's runs, which the search had paid for."""
    data = reported(store, SEARCH)
    spent = {a.arm: a.compute[-1] for a in data.discoveries}
    (charged,) = (b.spent for r, b in store.budgets.of("full-null-0").items() if r == "flops")
    assert spent["null"] > charged
    null = reported(store, "full-null-0")
    assert "taken over from earlier runs" in null.asked.spent
    assert "taken over from earlier runs" not in data.asked.spent


def test_the_commits_that_a_run_was_made_by_are_said(shown: ReportData) -> None:
    """Those of the checkout, with + where it was changed; an installed package has none."""
    commit = revision()
    root = Path(record.__file__).resolve().parents[3]
    assert bool(commit) == (root / ".git").exists()
    if commit:
        head = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert head.startswith(commit.rstrip("+"))
        assert f"commit {commit}" in shown.asked.code
    assert "torch" in shown.asked.machine


def test_outside_of_a_checkout_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "__file__", str(tmp_path / "a" / "b" / "c" / "record.py"))
    assert revision() == ""
    (tmp_path / ".git").mkdir()  # there, and no repository
    assert revision() == ""


def test_a_report_says_the_command_that_makes_its_run(shown: ReportData) -> None:
    assert shown.asked.command == (
        "asiarch search --protocol full --candidates 8 --store search.db"
    )
