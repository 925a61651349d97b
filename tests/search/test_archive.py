"""Niches are read from the IR; fronts keep what nothing beats; rounds replay at any width."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asiarch.search.archive import (
    Archive,
    Bandit,
    Draw,
    Elite,
    Niche,
    fill,
    improvement,
    niche,
    snapshot,
)
from asiarch.search.library import entries, panel
from asiarch.search.researcher import Proposers, Source, Workshop

SHOP = Workshop()


def niche_of(name: str) -> str:
    entry = next(e for e in entries() if e.name == name)
    return str(niche(SHOP.checker.check(entry.text).facts[entry.op]))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("attention.full", "none/none/none/global/none/none"),
        ("attention.sliding", "none/none/none/local/none/none"),
        ("gated_attention.gated_attention", "none/none/output/global/none/none"),
        ("linear_attention.linear_attention", "matrix/none/none/none/none/after"),
        ("retention.retnet", "matrix/scalar/output/none/none/after"),
        ("mamba2.mamba2", "matrix/scalar/both/none/conv/after"),
        ("gla.gla", "matrix/diagonal/both/none/none/after"),
        ("delta_net.delta_net", "matrix/householder/none/none/conv/after"),
        ("gated_delta_net.gated_delta_net", "matrix/dplr/both/none/conv/after"),
        ("rwkv6.rwkv6", "matrix/diagonal/both/none/shift/before"),
        ("griffin.rg_lru", "vector/diagonal/decay/none/none/after"),
        ("light_rnn.sru", "vector/nonlinear/none/none/none/none"),
        ("s4.lru", "vector/coupled/none/none/none/after"),
        ("delta_product.gated_delta_product", "matrix/unread/none/none/conv/none"),
    ],
)
def test_a_niche_is_a_mechanism(name: str, found: str) -> None:
    assert niche_of(name) == found


def test_a_loop_for_its_decay_alone_is_linear_in_its_state() -> None:
    """The decay along the values beside an erase term has no chunks; it is no nonlinearity."""
    text = (
        "op f[D, H = 2, K = D / H, V = D / H](x: Seq[D]) -> Seq[D] where causal {\n"
        "  k = l2norm[K](linear[H, K](x))\n"
        "  a = sigmoid(linear[H, V](x))\n"
        "  state S[H, K, V]\n"
        "  S = a * S[t-1] + k * (linear[H, V](x) - k @ (a * S[t-1]))\n"
        "  return linear[H, V -> D](k @ S)\n}\n"
    )
    checked = Workshop().checker.check(text)
    assert niche(checked.facts["f"]).transition == "dplr"
    curved = text.replace("a * S[t-1] + k", "a * tanh(S[t-1]) + k")
    assert niche(Workshop().checker.check(curved).facts["f"]).transition == "nonlinear"


def elite(id: str, mean: float = 0.0, **more: float) -> Elite:
    return Elite(id, "", "f", Niche(), mean, **more)  # type: ignore[arg-type]


ELITES = st.builds(
    lambda i, m, c, s: elite(f"e{i}", m, cost=c, state=s),
    st.integers(0, 20), st.integers(-3, 3), st.integers(0, 3), st.integers(0, 3),
)  # fmt: skip


@settings(max_examples=80, deadline=None, database=None)
@given(st.lists(ELITES, max_size=25))
def test_a_front_holds_nothing_that_is_beaten(arrivals: list[Elite]) -> None:
    archive = Archive(depth=100)
    for each in arrivals:
        archive.add(each)
    kept = archive.elites()
    assert not any(a.beats(b) for a in kept for b in kept)
    assert len({e.id for e in kept}) == len(kept)
    latest = {e.id: e for e in arrivals}
    for out in latest.values():
        if out.id not in {e.id for e in kept}:
            seen = arrivals[max(i for i, e in enumerate(arrivals) if e.id == out.id) :]
            assert kept or seen


def test_a_parent_that_regresses_is_beaten() -> None:
    archive = Archive()
    archive.add(elite("lucky", 3.0))
    archive.add(elite("cheap", 1.0, cost=-1.0))
    assert {e.id for e in archive.elites()} == {"lucky", "cheap"}
    archive.measured("lucky", 0.5, 0.1, 8)
    assert [e.id for e in archive.elites()] == ["cheap"]
    archive.measured("unknown", 9.0, 0.1, 8)
    assert [e.id for e in archive.elites()] == ["cheap"]


def test_a_niche_has_a_depth() -> None:
    archive = Archive(depth=3)
    for number in range(10):
        archive.add(elite(f"e{number}", number, cost=float(number)))
    assert {e.id for e in archive.elites()} == {"e7", "e8", "e9"}


def test_parents_are_drawn_by_their_posteriors() -> None:
    archive = Archive()
    archive.add(replace(elite("sure", 1.0, cost=1.0), sd=0.01))
    archive.add(replace(elite("poor", -1.0, cost=0.0), sd=0.01))
    archive.add(replace(elite("open", 0.0, cost=0.5), sd=2.0))
    archive.add(replace(elite("other", -5.0), niche=Niche("matrix"), sd=0.01))
    counts = Counter(archive.thompson(np.random.default_rng(n)).id for n in range(600))
    assert counts["poor"] == 0
    assert counts["sure"] > counts["open"] > 60  # P(open > sure) is 0.31
    assert counts["other"] > 100  # its niche is drawn now and then, though it is worst
    with pytest.raises(LookupError, match="empty"):
        Archive().thompson(np.random.default_rng(0))


def test_uses_are_counted() -> None:
    archive = Archive()
    archive.add(elite("e", 1.0))
    assert [archive.taken("e"), archive.taken("e"), archive.taken("none")] == [1, 2, 0]
    assert (
        json.loads(json.dumps(archive.as_json()))["none/none/none/none/none/none"][0]["used"] == 2
    )


def test_improvement_is_a_probability() -> None:
    assert improvement((0, 1), (0, 1)) == 0.5
    assert improvement((1, 0), (0, 0)) == 1
    assert improvement((0, 0), (0, 0)) == 0.5
    rng = np.random.default_rng(0)
    a, b = 0.3 + 0.8 * rng.standard_normal(200_000), 0.1 + 0.5 * rng.standard_normal(200_000)
    assert abs(improvement((0.3, 0.8), (0.1, 0.5)) - np.mean(a > b)) < 0.005


def test_the_bandit_finds_what_pays() -> None:
    """Arms of equal rate: the cheap one; of equal cost: the one that improves."""
    rates, costs = {"good": 0.6, "poor": 0.1, "dear": 0.6}, {"good": 1.0, "poor": 1.0, "dear": 4.0}
    bandit = Bandit.over(rates)
    rng = np.random.default_rng(0)
    pulls: Counter[str] = Counter()
    for _ in range(400):
        name = bandit.draw(rng)
        pulls[name] += 1
        bandit.reward(name, float(rng.random() < rates[name]), costs[name])
    assert pulls["good"] > 300
    assert min(pulls.values()) >= 3  # none is given up for good
    with pytest.raises(ValueError, match="probability"):
        bandit.reward("good", 1.5, 1.0)
    with pytest.raises(ValueError, match="positive"):
        bandit.reward("good", 0.5, 0.0)


def draw(number: int = 0, master: int = 7) -> Draw:
    shop = Workshop()
    sources = [Source(e.name, e.text, e.op) for e in panel() if shop.accepts(e.text, e.op)]
    archive = Archive()
    for source in sources:
        facts = shop.checker.check(source.text).facts[source.op]
        archive.add(Elite(source.id, source.text, source.op, niche(facts)))
    proposers = Proposers(shop).all()
    view = snapshot(archive, sources, ())
    return Draw(master, "run", number, view, Bandit.over(proposers), proposers)


def test_a_round_is_the_same_at_any_number_of_workers() -> None:
    one = fill(draw(), 12)
    assert len(one.proposals) >= 10
    with ThreadPoolExecutor(1) as pool:
        assert fill(draw(), 12, pool.map) == one
    with get_context("spawn").Pool(2) as pool:
        assert fill(draw(), 12, pool.map) == one
    backwards = fill(draw(), 12, lambda f, slots: [f(s) for s in reversed(list(slots))])
    assert backwards == one


def test_rounds_and_masters_differ() -> None:
    one = {p.digest for p in fill(draw(), 6).proposals}
    assert one != {p.digest for p in fill(draw(number=1), 6).proposals}
    assert one != {p.digest for p in fill(draw(master=8), 6).proposals}


def test_a_snapshot_is_not_reached_by_what_comes_later() -> None:
    archive = Archive()
    archive.add(elite("first"))
    view = snapshot(archive, (), {"d": 1})
    archive.add(elite("second", 5.0))
    assert [s.id for s in view.elites()] == ["first"]
    assert "d" in view.seen
