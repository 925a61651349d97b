"""Places for boxes: layers by the longest path, few crossings, columns by least squares.

The method of Sugiyama, Tagawa and Toda (1981). Knows numbers and sizes, nothing of what boxes mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

LAYER_GAP, SIDE_GAP, LANE = 44.0, 22.0, 14.0
SWEEPS = 12
STRAIGHT = 8.0  # how much more a lane is drawn to its own next piece than to a box


@dataclass(frozen=True, slots=True)
class Extent:
    """What a box takes: `width` is centred on its column, `left` and `right` are beside that."""

    width: float
    height: float
    left: float = 0.0
    right: float = 0.0


@dataclass(slots=True)
class Placed:
    """Centres and tops of boxes, every edge's points from its source down, and the whole size."""

    x: list[float]
    top: list[float]
    routes: dict[tuple[int, int], list[tuple[float, float]]]
    width: float
    height: float


@dataclass(slots=True)
class _Layers:
    """Boxes and, for edges over several layers, one lane in each layer between. Numbers from 0."""

    rows: list[list[int]] = field(default_factory=list[list[int]])
    up: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    down: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    chains: dict[tuple[int, int], list[int]] = field(
        default_factory=dict[tuple[int, int], list[int]]
    )


def place(extents: Sequence[Extent], edges: Sequence[tuple[int, int]]) -> Placed:
    """Every box's place; edges must have no cycle. Sources stand above targets."""
    if not extents:
        return Placed([], [], {}, 0.0, 0.0)
    layers = _layered(len(extents), edges)
    _untangle(layers)
    sizes = [*extents, *[Extent(LANE, 0.0)] * (len(layers.up) - len(extents))]
    x = _columns(layers, sizes)
    return _placed(layers, sizes, x, len(extents))


# -- layers ----------------------------------------------------------------------------------------


def _depths(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest path from above; what nothing flows into stands right above its first user."""
    depth = [0] * count
    for _ in range(count):
        changed = False
        for source, target in edges:
            if depth[target] < depth[source] + 1:
                depth[target] = depth[source] + 1
                changed = True
        if not changed:
            break
    fed = {target for _, target in edges}
    for box in range(count):
        users = [depth[target] for source, target in edges if source == box]
        if box not in fed and users:
            depth[box] = min(users) - 1
    return depth


def _layered(count: int, edges: Sequence[tuple[int, int]]) -> _Layers:
    depth = _depths(count, edges)
    layers = _Layers([[] for _ in range(max(depth) + 1)])
    for box in range(count):
        layers.rows[depth[box]].append(box)
        layers.up[box], layers.down[box] = [], []
    for source, target in edges:
        chain = [source]
        for row in range(depth[source] + 1, depth[target]):
            lane = len(layers.up)
            layers.up[lane], layers.down[lane] = [], []
            layers.rows[row].append(lane)
            chain.append(lane)
        chain.append(target)
        for a, b in pairwise(chain):
            layers.down[a].append(b)
            layers.up[b].append(a)
        layers.chains[source, target] = chain
    return layers


def _untangle(layers: _Layers) -> None:
    """Orders rows by the mean place of neighbours, down and up; the fewest crossings are kept."""
    best, least = [list(row) for row in layers.rows], _crossings(layers)
    for sweep in range(SWEEPS):
        downward = sweep % 2 == 0
        neighbours = layers.up if downward else layers.down
        rows = layers.rows if downward else list(reversed(layers.rows))
        for fixed, row in pairwise(rows):
            at = {box: i for i, box in enumerate(fixed)}
            own = {box: i for i, box in enumerate(row)}
            row.sort(key=lambda box: _mean([at[n] for n in neighbours[box]], own[box]))
        crossings = _crossings(layers)
        if crossings < least:
            best, least = [list(row) for row in layers.rows], crossings
    layers.rows = best


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _crossings(layers: _Layers) -> int:
    count = 0
    for upper, lower in pairwise(layers.rows):
        at = {box: i for i, box in enumerate(lower)}
        ends = [at[n] for box in upper for n in sorted(layers.down[box], key=at.__getitem__)]
        count += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
    return count


# -- columns ---------------------------------------------------------------------------------------


def _columns(layers: _Layers, sizes: Sequence[Extent]) -> list[float]:
    """Centres near those of the neighbours above and below, boxes of a row apart."""
    x, even = [0.0] * len(sizes), [1.0] * len(sizes)
    pull = [STRAIGHT if size.height == 0 else 1.0 for size in sizes]
    for row in layers.rows:
        _spread(row, x, even, sizes)
    for sweep in range(3 * SWEEPS):
        rows = layers.rows if sweep % 2 == 0 else list(reversed(layers.rows))
        for row in rows:
            weights = [1.0] * len(sizes)
            for box in row:
                near = _near(layers, box, sweep)
                links = [pull[n] if pull[box] > 1 else 1.0 for n in near]
                if near:
                    weights[box] = sum(links)
                    places = zip(near, links, strict=True)
                    x[box] = sum(x[n] * link for n, link in places) / weights[box]
            _spread(row, x, weights, sizes)
    return x


def _near(layers: _Layers, box: int, sweep: int) -> list[int]:
    up, down = layers.up[box], layers.down[box]
    if sweep >= SWEEPS:
        return [*up, *down]
    return up if sweep % 2 == 0 else down


def _spread(
    row: Sequence[int], x: list[float], weights: Sequence[float], sizes: Sequence[Extent]
) -> None:
    """The nearest places to `x` in squares that keep order and gaps (pooled violators)."""
    offset, offsets = 0.0, [0.0]
    for a, b in pairwise(row):
        offset += _apart(sizes[a], sizes[b])
        offsets.append(offset)
    blocks: list[tuple[float, float, int]] = []
    for box, shift in zip(row, offsets, strict=True):
        total, weight, count = (x[box] - shift) * weights[box], weights[box], 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / weight:
            before = blocks.pop()
            total, weight, count = total + before[0], weight + before[1], count + before[2]
        blocks.append((total, weight, count))
    places = [total / weight for total, weight, count in blocks for _ in range(count)]
    for box, place, shift in zip(row, places, offsets, strict=True):
        x[box] = place + shift


def _apart(a: Extent, b: Extent) -> float:
    return a.width / 2 + a.right + SIDE_GAP + b.left + b.width / 2


# -- the picture -----------------------------------------------------------------------------------


def _placed(layers: _Layers, sizes: Sequence[Extent], x: list[float], count: int) -> Placed:
    left = min(x[i] - s.width / 2 - s.left for i, s in enumerate(sizes))
    right = max(x[i] + s.width / 2 + s.right for i, s in enumerate(sizes))
    x = [place - left for place in x]
    tops, bottoms = [0.0] * len(sizes), [0.0] * len(sizes)
    y = 0.0
    for row in layers.rows:
        height = max(sizes[box].height for box in row)
        for box in row:
            own = sizes[box].height if box < count else height
            tops[box] = y + (height - own) / 2
            bottoms[box] = tops[box] + own
        y += height + LAYER_GAP
    routes: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for pair, chain in layers.chains.items():
        points = [(x[chain[0]], bottoms[chain[0]])]
        for lane in chain[1:-1]:
            points += [(x[lane], tops[lane]), (x[lane], bottoms[lane])]
        routes[pair] = [*points, (x[chain[-1]], tops[chain[-1]])]
    return Placed(x[:count], tops[:count], routes, right - left, y - LAYER_GAP)
