"""Motif labels are canonical; lifts keep their error when children inherit."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from asiarch.interface import elaborate
from asiarch.ir.flatten import flatten
from asiarch.search.analyst.motifs import features, graph, label, lifts, motifs
from asiarch.search.stats.special import library

PANEL = (files("asiarch.library") / "panel.asi").read_text()


def flat(body: str, name: str = "f"):
    text = f"op {name}[D](x: Seq[D]) -> Seq[D] where causal {{\n{body}\n}}\n"
    return flatten(elaborate(text, name, {"D": 4}))


def piece(made, node: int, radius: int):
    """The operands of a node to a depth, by networkx."""
    nx = library("networkx")
    found = nx.ego_graph(made.reverse(copy=True), node, radius)
    # an edge below the last level is not of the piece
    depth = nx.single_source_shortest_path_length(found, node)
    found.remove_edges_from([e for e in found.edges(keys=True) if depth[e[0]] == radius])
    for n in found:
        found.nodes[n]["root"] = n == node
    return found


def same(a, b) -> bool:
    nx = library("networkx")
    return nx.is_isomorphic(
        a, b,
        node_match=lambda m, n: (m["label"], m["root"]) == (n["label"], n["root"]),
        edge_match=nx.algorithms.isomorphism.categorical_multiedge_match("place", 0),
    )  # fmt: skip


def test_labels_are_equal_exactly_for_isomorphic_pieces() -> None:
    rng = np.random.default_rng(0)
    pieces = []
    for op in ("gdn_mixer", "scalar_mixer", "lin_mixer"):
        made = graph(flatten(elaborate(PANEL, op, {"D": 8})))
        inner = [n for n in made if made.in_degree(n)]
        for n in rng.choice(inner, size=14, replace=False):
            for r in (1, 2):
                pieces.append((label(made, int(n), r), r, piece(made, int(n), r)))
    equal = 0
    for i, (one, r, a) in enumerate(pieces):
        for two, s, b in pieces[:i]:
            if r == s and sorted(d["label"] for _, d in a.nodes(data=True)) == sorted(
                d["label"] for _, d in b.nodes(data=True)
            ):
                assert (one == two) == same(a, b), (one, two)
                equal += one == two
    assert equal > 10


def test_names_and_the_order_of_a_sum_do_not_matter() -> None:
    one = flat("  u = sigmoid(x)\n  return u * x + tanh(u)")
    two = flat("  gate = sigmoid(x)\n  return tanh(gate) + x * gate", "g")
    assert motifs(one) == motifs(two)


def test_order_and_sharing_matter_where_they_mean_something() -> None:
    assert motifs(flat("  return sigmoid(x) - x")) != motifs(flat("  return x - sigmoid(x)"))
    shared = motifs(flat("  return sigmoid(x) * sigmoid(x)"))
    apart = motifs(flat("  return sigmoid(x) * sigmoid(tanh(x))"))
    assert any("#1=" in m for m in shared)
    assert shared != apart


def test_a_motif_reaches_over_the_token() -> None:
    found = motifs(flat("  state m[D]\n  m = 0.9 * m[t-1] + x\n  return m"))
    assert "state:seq1(add:seq1(input:seq1, mul:seq1))" in found
    assert not any("draw" in m for m in motifs(flatten(elaborate(PANEL, "gdn_mixer", {"D": 8}))))


def families(rng: np.random.Generator, effect: float = 0.0, lineages: int = 24):
    """Lineages that pass motif and quality on to their children."""
    counts, passed, names = [], [], []
    for lineage in range(lineages):
        motif = lineage % 2 == 0
        quality = rng.normal() + effect * motif
        for _ in range(rng.integers(2, 8)):
            counts.append({"m": 1} if motif else {"other": 1})
            passed.append(quality + 0.3 * rng.normal() > 0)
            names.append(lineage)
    return counts, passed, names


def test_what_is_inherited_is_no_evidence_of_a_motif() -> None:
    rng = np.random.default_rng(1)
    runs = 120
    hits = naive = 0
    for _ in range(runs):
        counts, passed, names = families(rng)
        found = next(m for m in lifts(counts, passed, names, rng) if m.motif == "m")
        hits += found.low > 1 or found.high < 1
        each = list(range(len(names)))  # planted: every child a lineage of its own
        alone = next(m for m in lifts(counts, passed, each, rng) if m.motif == "m")
        naive += alone.low > 1 or alone.high < 1
    assert hits / runs <= 0.05 + 3 * (0.05 / runs) ** 0.5
    assert naive / runs > 0.2


def test_a_motif_that_helps_is_found_among_many_that_do_not() -> None:
    rng = np.random.default_rng(2)
    counts, passed, names = families(rng, effect=2.5, lineages=60)
    for row in counts:
        row.update({f"noise {k}": 1 for k in range(20) if rng.random() < 0.5})
    found = lifts(counts, passed, names, rng)
    assert found[0].motif in ("m", "other")
    assert found[0].adjusted < 0.05
    assert sum(m.adjusted < 0.05 for m in found) <= 4


def test_a_motif_of_two_lineages_is_not_reported() -> None:
    counts = [{"rare": 1}] * 6 + [{}] * 30
    names = [0, 0, 0, 1, 1, 1, *range(2, 32)]
    found = lifts(counts, [True] * 6 + [False] * 30, names, np.random.default_rng(3))
    assert found == []


@pytest.mark.parametrize("op", ["softmaxc_mixer", "conv_mixer", "retention_mixer"])
def test_panel_operators_have_motifs(op: str) -> None:
    found = motifs(flatten(elaborate(PANEL, op, {"D": 8})))
    assert len(found) > 5
    assert sum(found.values()) >= len(found)


def test_features_are_what_a_model_can_tell_apart() -> None:
    counts = [{"ab": 1, "abc": 2, "all": 1} if n % 2 else {"rare": n == 0, "all": 1}
              for n in range(20)]  # fmt: skip
    x, names = features(counts, range(20))
    assert names == ["ab"]  # "abc" is always with it; "all" is everywhere, "rare" in one lineage
    assert x.shape == (20, 1)
    assert x[:, 0].tolist() == [float(n % 2) for n in range(20)]
    assert features(counts, [0] * 20)[0].shape == (20, 0)
