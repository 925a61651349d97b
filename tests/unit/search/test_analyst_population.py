"""What candidates say of motifs: found where it is, and said why not where it cannot be asked."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from asiarch.search.analyst import model
from asiarch.search.analyst.population import Member, distinct, population
from asiarch.search.report.collect import associations
from asiarch.search.report.data import Candidate, Estimate
from asiarch.search.report.figures import motif_table
from asiarch.search.stats.special import MissingLibrary

MOTIF, OTHER = "mul(decay, state)", "add(x, y)"


def people(gain: float, lineages: int = 24, seed: int = 0) -> list[Member]:
    """Five candidates a lineage; the motif comes and goes within lineages, and is worth `gain`."""
    rng = np.random.default_rng(seed)
    out: list[Member] = []
    for n in range(lineages):
        family = rng.normal(0, 0.5)
        for _ in range(5):
            has, other = rng.random() < 0.5, rng.random() < 0.5
            motifs = Counter({MOTIF: int(has), OTHER: int(other)})
            effect = family + gain * has + rng.normal(0, 0.4)
            out.append(Member(+motifs, float(effect), str(n)))
    return out


def test_a_motif_that_goes_with_the_effect_is_found_by_all_three() -> None:
    found = population(people(1.5))
    (lift,) = [x for x in found.lifts if x.motif == MOTIF]
    assert lift.low > 1
    assert lift.adjusted < 0.05
    assert found.forest is not None
    assert found.forest.usable
    assert found.forest.importances[0].feature == MOTIF
    assert found.mixed is not None
    terms = {t.feature: t for t in found.mixed.terms}
    assert terms[MOTIF].low > 0.8
    assert abs(terms[OTHER].value) < 0.4
    assert found.notes == []
    table = associations(found)
    assert table.rows[0].name == MOTIF
    assert table.rows[0].term.low > 0.8
    assert (table.asked, table.candidates, table.lineages) == (2, 120, 24)
    html = motif_table(table).html()
    assert MOTIF in html
    assert "of 2 motifs, over 120 candidates of 24 lineages" in html


def test_planted_chance_is_no_finding() -> None:
    found = population(people(0.0))
    assert all(x.adjusted > 0.05 for x in found.lifts)
    assert any("what it holds for important means nothing" in n for n in found.notes)
    assert all(not r.importance.known for r in associations(found).rows)


def test_planted_families_pass_for_no_motif() -> None:
    """A motif of few lucky families, with many children each."""
    rng = np.random.default_rng(1)
    made: list[Member] = []
    for n in range(12):
        lucky = n < 5
        for _ in range(30):
            effect = float(rng.normal(0.6 * (n in (0, 1, 2)), 0.5))
            made.append(Member(Counter({MOTIF: 1} if lucky else {OTHER: 1}), effect, str(n)))
    found = population(made)
    assert all(x.low < 1 or x.adjusted > 0.01 for x in found.lifts)


def test_features_of_a_mixed_model_are_chosen_without_the_effects() -> None:
    rng = np.random.default_rng(0)
    lineages = [str(i // 2) for i in range(48)]
    even = (np.arange(48) // 2) % 2
    columns = np.column_stack([even, 1 - even, rng.random(48) < 0.5, rng.random(48) < 0.15])
    chosen = distinct(columns.astype(float), lineages)
    assert 1 not in chosen or 0 not in chosen  # the one says what the other does
    assert len(chosen) == 3
    assert chosen[-1] == 3  # of few lineages: last


@pytest.mark.parametrize(
    ("missing", "said", "left"),
    [
        ("sklearn", "No permutation importance: the statistics of a search need sklearn", "mixed"),
        ("statsmodels", "No mixed model: the statistics of a search need statsmodels", "forest"),
    ],
)
def test_what_is_not_installed_is_said_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, missing: str, said: str, left: str
) -> None:
    whole = model.library

    def library(name: str) -> object:
        if name.startswith(missing):
            raise MissingLibrary(f"the statistics of a search need {missing}: pip install ...")
        return whole(name)

    monkeypatch.setattr(model, "library", library)
    found = population(people(1.5))
    assert any(said in n for n in found.notes)
    assert getattr(found, left) is not None
    assert found.lifts
    assert said in motif_table(associations(found)).html()


def test_without_networkx_nothing_is_asked_and_the_page_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from asiarch.search.analyst import motifs
    from asiarch.search.report.collect import of_candidates

    def library(name: str) -> object:
        raise MissingLibrary(f"the statistics of a search need {name}: pip install ...")

    monkeypatch.setattr(motifs, "library", library)
    text = "op f[D](x: Seq[D]) -> Seq[D] where causal {\n  return x * x\n}\n"
    found = of_candidates([Candidate("a", "a", text, "f", overall=Estimate(1.0))])
    assert "networkx" in found.notes[0]
    assert "networkx" in motif_table(associations(found)).html()


def test_too_few_lineages_are_counted() -> None:
    found = population(people(1.0, lineages=9))
    assert "45 candidates with an effect are of 9 lineages" in found.notes[0]
    assert associations(found).rows == ()
    assert population([]).notes
