"""Pictures: what is drawn, where it stands, and that it is whole SVG."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asiarch.analysis.report import check
from asiarch.draw import graph_svg
from asiarch.draw.graph import Box, Graph, graph_of
from asiarch.draw.layout import Extent, place
from asiarch.interface import elaborate
from asiarch.ir.function import Function

MIXER = """op mixer[D, H, K = D / H, V = D / H](x: Seq[D]) -> Seq[D] where causal {
  q = x |> linear[H, K] |> conv[4] |> silu
  k = linear[H, K](x)
  v = linear[H, V](x)
  a = sigmoid(linear[H](x))
  state S[H, K, V]
  S = a * S[t-1] + k * (v - k @ S[t-1])
  return linear[H, V -> D](rmsnorm[V](q @ S))
}
op look[D, H, K = D / H](x: Seq[D]) -> Seq[D] where causal {
  q = linear[H, K](x)
  param s[H] ~ const(0)
  o = attend j where j <= t and t - j < 9 { score: q[t] @ q[j] / sqrt(K)  value: q[j]  sink: s }
  return linear[H, K -> D](o)
}
op coupled[D](x: Seq[D]) -> Seq[D] where causal {
  state h[D]
  g = sigmoid(x + h[t-1])
  h = g * h[t-1] + (1 - g) * x
  loss 0.1 * sum[D](g)
  return h
}
model stack[D = 8, H = 2, L = 4, vocab = 16] {
  x = embed[D](tokens)
  for layer in L {
    if layer % 2 == 0 { x = x + mixer(rmsnorm[D](x)) } else { x = x + look(x) }
  }
  return unembed[vocab](x)
}
"""


def function(name: str) -> Function:
    return check(MIXER).ops[name].facts.function


def box(graph: Graph, title: str) -> Box:
    (found,) = [b for b in graph.boxes if b.title == title]
    return found


def number(graph: Graph, title: str) -> int:
    return graph.boxes.index(box(graph, title))


def test_a_box_is_a_line_of_the_program() -> None:
    graph = graph_of(function("mixer"))
    assert box(graph, "q").lines == ["x |> linear[H, K] |> conv[4] |> silu"]
    assert box(graph, "S").lines == ["a * S[t-1] + k * (v - k @ S[t-1])"]
    assert box(graph, "return").lines == ["(q @ S) |> rmsnorm |> linear[H, V -> D]"]
    assert {"conv.taps [n, H, K]", "linear [D, H, K]"} == set(box(graph, "q").params)
    assert box(graph, "q").type == "[H, K]"


def test_edges_are_uses_and_states_feed_back() -> None:
    graph = graph_of(function("mixer"))
    into = {graph.boxes[s].title for s, t in graph.edges if t == number(graph, "S")}
    assert into == {"a", "k", "v"}
    assert graph.feedback == [(number(graph, "S"), number(graph, "S"))]
    assert box(graph, "S").kind == "state"
    coupled = graph_of(function("coupled"))
    h, g = number(coupled, "h"), number(coupled, "g")
    assert set(coupled.feedback) == {(h, g), (h, h)}
    assert (g, h) in coupled.edges
    assert [b.kind for b in coupled.boxes].count("loss") == 1


def test_attend_shows_its_condition() -> None:
    found = box(graph_of(function("look")), "o")
    assert found.kind == "attend"
    assert found.lines == [
        "attend j where j <= t and t - j < 9",
        "score: q[t] @ q[j] / sqrt(K)",
        "value: q[j]",
        "sink: s",
    ]
    assert found.params == ["s [H]"]


def test_blocks_hold_pictures() -> None:
    graph = graph_of(function("stack"))
    (loop,) = [b for b in graph.boxes if b.kind == "block"]
    assert loop.title == "for layer in L"
    ((_, body),) = loop.inner
    (branch,) = [b for b in body.boxes if b.kind == "block"]
    assert [label for label, _ in branch.inner] == ["then", "else"]
    calls = [b.title for _, arm in branch.inner for b in arm.boxes if b.kind == "call"]
    assert calls == ["mixer", "look"]


def test_decided_loops_name_their_iterations() -> None:
    graph = graph_of(elaborate(MIXER, "stack"))
    (loop,) = [b for b in graph.boxes if b.kind == "block"]
    assert [label for label, _ in loop.inner] == ["layer = 0, 2", "layer = 1, 3"]


@pytest.mark.parametrize("name", ["mixer", "look", "coupled", "stack"])
def test_the_picture_is_whole_svg(name: str) -> None:
    text = graph_svg(function(name))
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert graph_svg(function(name)) == text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    words = "".join(root.itertext())
    assert "[t-1]" in words or name in ("look", "stack")
    width = float(root.get("width", "0"))
    for found in re.finditer(r'<rect x="([-\d.]+)"[^>]* width="([\d.]+)"', text):
        assert 0 <= float(found[1]) + float(found[2]) <= width


def test_signs_of_comparison_are_escaped() -> None:
    assert "j &lt;= t" in graph_svg(function("look"))


# -- layout ----------------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Extent], list[tuple[int, int]]]:
    count = draw(st.integers(1, 12))
    length = st.floats(10, 200)
    extents = [Extent(draw(length), draw(length), draw(length), draw(length)) for _ in range(count)]
    pairs = list(combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=24)) if pairs else []
    return extents, edges


@given(graphs())
def test_boxes_keep_apart_and_edges_go_down(
    graph: tuple[list[Extent], list[tuple[int, int]]],
) -> None:
    extents, edges = graph
    placed = place(extents, edges)
    for source, target in edges:
        assert placed.top[source] + extents[source].height < placed.top[target]
        route = placed.routes[source, target]
        heights = [y for _, y in route]
        assert heights == sorted(heights)
    for a, b in combinations(range(len(extents)), 2):
        above = placed.top[a] + extents[a].height <= placed.top[b]
        below = placed.top[b] + extents[b].height <= placed.top[a]
        first, second = (a, b) if placed.x[a] <= placed.x[b] else (b, a)
        reach = extents[first].width / 2 + extents[first].right
        reach += extents[second].width / 2 + extents[second].left
        apart = placed.x[second] - placed.x[first] >= reach - 1e-6
        assert above or below or apart
    for x, extent in zip(placed.x, extents, strict=True):
        assert x - extent.width / 2 - extent.left >= -1e-6
        assert x + extent.width / 2 + extent.right <= placed.width + 1e-6


def test_a_long_edge_goes_around_what_lies_between() -> None:
    size = Extent(100, 20)
    placed = place([size, size, size], [(0, 1), (1, 2), (0, 2)])
    route = placed.routes[0, 2]
    middle = [x for x, y in route if placed.top[1] <= y <= placed.top[1] + 20]
    assert middle
    assert all(abs(x - placed.x[1]) > 50 for x in middle)


def test_nothing_to_draw_is_drawn() -> None:
    assert place([], []).width == 0
