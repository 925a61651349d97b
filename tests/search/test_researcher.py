"""Proposals check, are causal, replay, and are what their records say."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from asiarch.analysis.flow import unused_parameters
from asiarch.analysis.report import check
from asiarch.codegen.reference import Reference
from asiarch.fuzz.edit import Change
from asiarch.search.library import panel
from asiarch.search.researcher import (
    OPERATORS,
    EditRecord,
    Grammar,
    NoProposal,
    Proposal,
    Proposers,
    Source,
    Workshop,
    from_json,
    literature,
    replay,
)
from asiarch.search.researcher.draft import Draft, Operator
from asiarch.search.researcher.proposers import DonorsOf
from asiarch.search.researcher.prune import pruned
from asiarch.search.screen import Bounds, Screen
from benchmarks.proposals import measure

SHOP = Workshop()
LINEAR = Workshop(Bounds(work=1, state=0))


class Panel:
    """A view of a search that knows the panel alone."""

    def __init__(self, shop: Workshop = SHOP) -> None:
        self.library = [Source(e.name, e.text, e.op) for e in panel() if shop.accepts(e.text, e.op)]
        self.seen: set[str] = set()

    def parent(self, rng: np.random.Generator) -> Source:
        return self.library[int(rng.integers(len(self.library)))]

    def elites(self) -> list[Source]:
        return []


def texts(view: Panel) -> dict[str, str]:
    return {s.id: s.text for s in view.library}


@pytest.fixture(scope="module")
def many() -> list[Proposal]:
    """A search in little, of every operator."""
    view = Panel()
    arms = Proposers(SHOP).all()
    made: list[Proposal] = []
    for number in range(70):
        rng = np.random.default_rng(number)
        name = "grammar" if number % 2 else sorted(arms)[number // 2 % len(arms)]
        proposal = arms[name].propose(view, rng)
        view.seen.add(proposal.digest)
        made.append(proposal)
    return made


def test_every_proposal_is_accepted(many: list[Proposal]) -> None:
    for proposal in many:
        report = check(proposal.text)
        assert report.ok, proposal.text
        assert report.ops[proposal.op].causal
        assert report.ops[proposal.op].work.degree("T") <= 1
        assert not report.ops[proposal.op].state.degree("T")


def test_no_proposal_trains_what_reaches_no_result(many: list[Proposal]) -> None:
    for proposal in many:
        function = SHOP.checker.check(proposal.text).functions[proposal.op]
        assert unused_parameters(function) == [], proposal.text


LEFT_BEHIND = """
op inner[D](x: Seq[D]) -> Seq[D] {
  y = 2 * x
  return y
}

op other[D](x: Seq[D]) -> Seq[D] {
  return inner(x)
}

op mixer[D, H = 2, K = D / H](x: Seq[D]) -> Seq[D] where causal, g in (0, 1) {
  k = linear[H, K](x)
  param bias[H, K]
  g = sigmoid(k)
  state S[H, K]
  S = S[t-1] + bias
  x = x + linear[D](x)
  z = x
  return linear[D](x)
}
"""


def test_what_an_edit_leaves_behind_is_taken_out_and_no_more() -> None:
    text = LEFT_BEHIND
    for change in pruned(text, "mixer"):
        text = change.apply(text)
    assert "inner" not in text
    assert "other" not in text
    lines = [line.strip() for line in text.strip().splitlines()[1:-1]]
    assert lines == [
        "k = linear[H, K](x)",
        "g = sigmoid(k)",  # a claim is made of it
        "x = x + linear[D](x)",
        "return linear[D](x)",
    ]
    assert pruned(text, "mixer") == ()


def test_edits_replay_and_lead_back(many: list[Proposal]) -> None:
    parents = texts(Panel())
    for proposal in many:
        if not proposal.parents:
            continue
        parent = parents[proposal.parents[0]]
        assert replay(parent, proposal.edits) == proposal.text
        stored = json.loads(json.dumps([e.as_json() for e in proposal.edits]))
        assert replay(parent, [from_json(e) for e in stored]) == proposal.text
        text = proposal.text
        for edit in reversed(proposal.edits):
            for change in edit.inverse:
                text = change.apply(text)
        assert text == parent


def test_an_edit_that_does_not_fit_is_noticed() -> None:
    record = EditRecord("gate", "f", "", (Change("gate", 3, "x", "y"),))
    with pytest.raises(ValueError, match="does not stand"):
        record.apply("abcdef")


def test_no_proposal_is_its_parent_or_was_seen(many: list[Proposal]) -> None:
    digests = [p.digest for p in many]
    assert len(set(digests)) == len(digests)
    screen = Screen()
    assert all(screen.judge(p.text, p.op).digest == p.digest for p in many[:20])


def test_every_operator_finds_places(many: list[Proposal]) -> None:
    used = Counter(e.operator for p in many for e in p.edits)
    assert set(OPERATORS) <= set(used), set(OPERATORS) - set(used)


def test_provenance_is_where_an_edit_came_from(many: list[Proposal]) -> None:
    names = {s.id for s in literature()} | {e.name for e in panel()}
    for proposal in many:
        for edit in proposal.edits:
            taken = edit.operator in ("splice", "cross", "literature")
            assert bool(edit.provenance.cognition) == taken
            assert set(edit.provenance.cognition) <= names
            assert edit.provenance.original == (not taken)


def test_what_comes_from_an_elite_is_experience() -> None:
    view = Panel()
    elite = replace(view.library[0], id="c17")
    view.elites = lambda: [elite]  # type: ignore[method-assign]
    found: set[str] = set()
    for number in range(40):
        try:
            made = Grammar(SHOP, operators=("cross",), edits=(1,)).propose(
                view, np.random.default_rng(number)
            )
        except NoProposal:
            continue
        found |= set(made.edits[0].provenance.experience)
        assert set(made.parents[1:]) == set(made.edits[0].provenance.experience)
    assert found == {"c17"}


def test_an_elite_of_the_literature_is_cognition() -> None:
    view = Panel()
    view.elites = lambda: view.library[:2]  # type: ignore[method-assign]
    for number in range(6):
        made = Grammar(SHOP, operators=("cross",), edits=(1,)).propose(
            view, np.random.default_rng(number)
        )
        assert made.edits[0].provenance.cognition
        assert len(made.parents) == 1


def test_equal_views_and_generators_give_equal_proposals() -> None:
    one = Grammar(Workshop()).propose(Panel(), np.random.default_rng(5))
    view = Panel()
    for number in range(3):  # what was asked before does not count
        Grammar(SHOP).propose(view, np.random.default_rng(number))
    assert Grammar(SHOP).propose(view, np.random.default_rng(5)) == one


def test_hyperparameters_alone_change_no_graph() -> None:
    view = Panel()
    proposer = Proposers(SHOP).all()["hp-only"]
    for number in range(8):
        made = proposer.propose(view, np.random.default_rng(number))
        assert not made.structural
        before = check(texts(view)[made.parents[0]]).ops[made.op]
        after = check(made.text).ops[made.op]
        assert [r["class"] for r in before.recurrences] == [r["class"] for r in after.recurrences]


def test_the_simplifier_makes_less() -> None:
    view = Panel()
    proposer = Proposers(SHOP).all()["simplify"]
    for number in range(8):
        made = proposer.propose(view, np.random.default_rng(number))
        parent = texts(view)[made.parents[0]]
        mine = SHOP.identifier.of(SHOP.checker.check(made.text).functions[made.op])
        its = SHOP.identifier.of(SHOP.checker.check(parent).functions[made.op])
        assert mine.forms <= its.forms


def test_the_literature_is_proposed_once() -> None:
    view = Panel()
    proposer = Proposers(SHOP).all()["literature"]
    seen: list[str] = []
    for _ in view.library:
        made = proposer.propose(view, np.random.default_rng(1))
        view.seen.add(made.digest)
        seen.append(made.edits[0].what)
    assert sorted(seen) == sorted(s.id for s in view.library)
    with pytest.raises(NoProposal, match="seen"):
        proposer.propose(view, np.random.default_rng(1))


def test_a_state_that_is_its_own_decay_is_edited_too() -> None:
    """Its reads stand in one another: the pieces of an edit may not."""
    text = """op mixer[D](x: Seq[D]) -> Seq[D] where causal {
  state S[D]
  S = S[t-1] * (0.5 - S[t-1] * S[t-1]) + x
  return linear[D](S)
}
"""
    place, rng = SHOP.place(text, "mixer"), random.Random(0)
    donors = DonorsOf(SHOP, Panel(), Source("it", text, "mixer"))
    for _ in range(40):
        for name in ("decay", "erase", "read point", "state"):
            draft = OPERATORS[name].make(place, rng, donors)
            assert draft is None or not draft.overlaps, draft


def test_an_operator_whose_pieces_overlap_is_stopped() -> None:
    shop = Workshop()
    text = "op mixer[D](x: Seq[D]) -> Seq[D] where causal {\n  return linear[D](x)\n}\n"
    pieces = ((50, 62, "x"), (55, 58, "y"))
    bad = Operator("bad", True, 1.0, lambda place, rng, donors: Draft("mixer", "", pieces))
    donors = DonorsOf(shop, Panel(), Source("it", text, "mixer"))
    assert shop.edited(text, "mixer", bad, random.Random(0), donors) is None
    assert shop.refused["overlap"] == 1


@pytest.mark.parametrize(
    ("operator", "before", "after"),
    [("decay", "identity", {"scalar", "diagonal", "elementwise"}),
     ("erase", "identity", {"identity+rank1"})],
)  # fmt: skip
def test_recurrences_move_between_classes(operator: str, before: str, after: set[str]) -> None:
    text = """op linear_attention[D, H, K = D / H, V = D / H](x: Seq[D]) -> Seq[D] where causal {
  q = linear[H, K](x)
  k = linear[H, K](x)
  v = linear[H, V](x)
  state S[H, K, V]
  S = S[t-1] + k * v
  return linear[H, V -> D](q @ S)
}
"""
    view = Panel()
    source = Source("it", text, "linear_attention")
    assert {r["class"] for r in check(text).ops[source.op].recurrences} == {before}
    found: set[str] = set()
    rng = random.Random(0)
    for _ in range(24):
        made = SHOP.edited(text, source.op, OPERATORS[operator], rng, DonorsOf(SHOP, view, source))
        if made is not None:
            found |= {r["class"] for r in check(made[0]).ops[source.op].recurrences}
    assert after <= found, found


def test_a_bound_is_kept() -> None:
    """Under linear work no quadratic donor is taken; where the policy allows it, it is."""
    wide = Workshop(Bounds(work=2, state=1))
    for shop, allowed in ((LINEAR, False), (wide, True)):
        view = Panel(shop)
        degrees: set[int] = set()
        for number in range(30):
            made = Grammar(shop, operators=("cross",), edits=(1,)).propose(
                view, np.random.default_rng(number)
            )
            degrees.add(check(made.text).ops[made.op].work.degree("T"))
        assert (max(degrees) == 2) == allowed, degrees


def test_an_operator_that_writes_what_does_not_check_is_stopped() -> None:
    """A planted fault: an operator that reads a later token, and one that breaks a type."""
    from asiarch.search.researcher.draft import Operator, swap

    def planted(form: str) -> Operator:
        def make(place, rng, donors):  # type: ignore[no-untyped-def]
            v = place.one(rng, lambda v: v.term.seq and bool(v.axes) and v.term.atom)
            return swap(v, form.format(place.piece(v.expr)), "planted")

        return Operator("planted", True, 1.0, make)

    view = Panel()
    source = view.library[-1]
    for form in ("{}[t+1]", "mean[D]({})", "{} +"):
        for number in range(5):
            rng = random.Random(number)
            donors = DonorsOf(SHOP, view, source)
            assert SHOP.edited(source.text, source.op, planted(form), rng, donors) is None


def test_a_sample_compiles_and_runs(many: list[Proposal]) -> None:
    """T0b in little: the emitted module gives what the reference gives."""
    import torch

    from asiarch.codegen.parameters import initial_values
    from asiarch.interface import compile, elaborate
    from asiarch.ir.flatten import flatten

    for proposal in many[::9]:
        function = SHOP.checker.check(proposal.text).functions[proposal.op]
        sizes = {n: {"D": 64, "H": 2}.get(n, 2) for n in function.header
                 if n not in function.defaults}  # fmt: skip
        flat = flatten(elaborate(proposal.text, proposal.op, sizes))
        x = np.random.default_rng(0).standard_normal((1, 5, 64))
        (y,) = Reference(flat, initial_values(flat, 0)).evaluate([x])
        module = compile(proposal.text, proposal.op, sizes, seed=0).double()
        z = module(torch.from_numpy(x)).detach().numpy()
        assert y.shape == z.shape == (1, 5, 64)
        np.testing.assert_allclose(z, y, rtol=1e-6, atol=1e-6 * (1 + np.abs(y).max()))


def test_proposals_are_wide() -> None:
    """What `benchmarks/proposals.py` prints, of fewer."""
    found, made = measure(90, 1)
    assert len(made) == 90
    assert len(found.niches) >= 8
    assert found.structural / found.edits >= 0.6
    assert found.distinct / found.proposals >= 0.9
