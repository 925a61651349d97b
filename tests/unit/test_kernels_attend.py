"""The blocked attention kernel against all pairs at once: masks, weights, states, packed rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from asiarch.kernels.load import assemble, load
from asiarch.laws import RingMode

H, G, K, V = 2, 3, 4, 5
LENGTHS = (1, 15, 63, 64, 65, 127, 128, 129, 200)
CUTS = torch.tensor([0, 0, 3, 3, 140, 141, 200, 200])
Weigh = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """`weigh` as the compiler prints it; axes of the streams at t and at j, and of the tensors."""

    weigh: Weigh
    queries: tuple[tuple[int, ...], ...] = ((H, K),)
    attended: tuple[tuple[int, ...], ...] = ((H, K), (H, V))
    plain: tuple[tuple[int, ...], ...] = ()
    equation: str = "bhtj,bjhv->bthv"
    reach: int | None = None
    sink: bool = False
    softmax: bool = True
    stick: bool = False

    def kernel(self) -> dict[str, Any]:
        return variant(self.sink, self.softmax, self.stick)


@cache
def variant(sink: bool, softmax: bool, stick: bool) -> dict[str, Any]:
    return load("attend/torch.py", SINK=sink, SOFTMAX=softmax, STICK=stick)


def dots(q: Tensor, k: Tensor) -> Tensor:
    return torch.einsum("bthk,bjhk->bhtj", q, k) / math.sqrt(K)


def masked(admissible: Weigh) -> Weigh:
    return lambda t, j, q, k, v: (dots(q, k), admissible(t, j), v)


def grouped(t: Tensor, j: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Any:
    return torch.einsum("bthgk,bjhk->bhgtj", q, k), j <= t, v


def alibi(t: Tensor, j: Tensor, q: Tensor, k: Tensor, v: Tensor, slope: Tensor) -> Any:
    far = (t - j).to(q.dtype)[:, None]
    return 3 * torch.tanh((dots(q, k) - slope[:, None, None] * far) / 3), j <= t, v


def forgetting(
    t: Tensor, j: Tensor, q: Tensor, f_t: Tensor, k: Tensor, f: Tensor, v: Tensor
) -> Any:
    between = f_t.permute(0, 2, 1)[..., None] - f.permute(0, 2, 1)[..., None, :]
    return dots(q, k) + between, j <= t, v


def sunk(t: Tensor, j: Tensor, q: Tensor, k: Tensor, v: Tensor, sink: Tensor) -> Any:
    return dots(q, k), (t - 9 < j) & (j < t), v, sink[:, None, None]


def positional(t: Tensor, j: Tensor, v: Tensor, slope: Tensor) -> Any:
    return -slope[:, None, None] * (t - j).to(v.dtype)[:, None], j <= t, v


def sigmoid(t: Tensor, j: Tensor, q: Tensor, k: Tensor, v: Tensor, b: Tensor) -> Any:
    return torch.sigmoid(dots(q, k) + b[:, None, None]), (t - 40 < j) & (j <= t), v


def wide(t: Tensor, j: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Any:
    far = (t - j).to(q.dtype)[:, None, None]
    return dots(q, k), j <= t, v.permute(0, 2, 3, 1)[..., None, :] * (1 + far.abs()) ** -0.5


CASES = {
    "full": Case(masked(lambda t, j: j <= t)),
    "strict": Case(masked(lambda t, j: j < t)),
    "window": Case(masked(lambda t, j: (t - 9 < j) & (j <= t)), reach=8),
    "wide window": Case(masked(lambda t, j: (t - 150 < j) & (j <= t)), reach=149),
    "far window": Case(masked(lambda t, j: (t - 30 < j) & (j < t - 20)), reach=29),
    "first tokens": Case(masked(lambda t, j: ((j < 4) | (t - 9 < j)) & (j <= t))),
    "block local": Case(masked(lambda t, j: (t - t % 64 <= j) & (j <= t)), reach=63),
    "dilated": Case(masked(lambda t, j: (j <= t) & ((t - j) % 4 == 0))),
    "grouped": Case(grouped, ((H, G, K),), equation="bhgtj,bjhv->bthgv"),
    "value axes": Case(masked(lambda t, j: j <= t), attended=((H, K), (V, H)),
                       equation="bhtj,bjvh->btvh"),
    "capped alibi": Case(alibi, plain=((H,),)),
    "forgetting": Case(forgetting, ((H, K), (H,)), ((H, K), (H,), (H, V))),
    "positions alone": Case(positional, (), ((H, V),), ((H,),)),
    "sink": Case(sunk, plain=((H,),), reach=8, sink=True),
    "sigmoid": Case(sigmoid, plain=((H,),), reach=39, softmax=False),
    "linear": Case(masked(lambda t, j: j < t), softmax=False),
    "stick": Case(masked(lambda t, j: (j < t) & ((t - j) % 3 > 0)), softmax=False, stick=True),
    "wide value": Case(wide, equation="bhtj,bhvtj->bthv"),
}  # fmt: skip


@pytest.fixture(params=CASES.values(), ids=[name.replace(" ", "-") for name in CASES])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@dataclass
class Tensors:
    queries: list[Tensor]
    attended: list[Tensor]
    plain: list[Tensor]

    def __iter__(self) -> Iterator[Tensor]:
        return iter([*self.queries, *self.attended, *self.plain])

    def part(self, rows: slice, time: slice) -> Tensors:
        def cut(xs: list[Tensor]) -> list[Tensor]:
            return [x[rows, time] for x in xs]

        return Tensors(cut(self.queries), cut(self.attended), self.plain)


def draw(case: Case, batch: int, time: int, dtype: torch.dtype = torch.float64) -> Tensors:
    random = torch.Generator().manual_seed(time)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, dtype=dtype).requires_grad_()

    return Tensors(
        [normal(batch, time, *a) for a in case.queries],
        [normal(batch, time, *a) for a in case.attended],
        [normal(*a) for a in case.plain],
    )


def run(
    case: Case,
    x: Tensors,
    cuts: Tensor | None = None,
    state: dict[str, Any] | None = None,
    kernel: dict[str, Any] | None = None,
    remember: bool = True,
) -> tuple[Tensor, dict[str, Any]]:
    """Outputs and the next state, as an emitted module calls the kernel."""
    kernel, state = kernel or case.kernel(), state or {}
    rows = kernel["Rows"](x.attended[0], cuts)
    cached = state.get("cached", [None] * len(x.attended))
    held = 0 if cached[0] is None else cached[0].shape[1]
    keys = kernel["Keys"](rows, case.reach, state.get("t"), held)
    attended = tuple(keys.gather(s, c) for s, c in zip(x.attended, cached, strict=True))
    y = kernel["attend"](
        case.weigh, case.equation, keys, tuple(x.queries), attended, tuple(x.plain)
    )
    if not remember:
        return y, {}
    start = state.get("t", torch.zeros(rows.count, dtype=torch.long))
    after = [keys.cache(s, c) for s, c in zip(x.attended, cached, strict=True)]
    return y, {"t": start + torch.tensor(rows.lengths), "cached": after}


def naive(case: Case, x: Tensors) -> Tensor:
    """All pairs at once, by the definition; no admissible token gives 0."""
    ramp = torch.arange(x.attended[0].shape[1])
    score, allowed, value, *sink = case.weigh(ramp[None, :, None], ramp[None, None], *x)
    allowed = allowed.view(1, *[1] * (score.dim() - 3), *allowed.shape[1:])
    weights = torch.where(allowed, score, 0.0)
    if case.softmax:
        weights = torch.where(allowed, torch.exp(score - score.detach().amax()), 0.0)
        total = weights.sum(-1, keepdim=True)
        if case.sink:
            total = total + torch.exp(sink[0] - score.detach().amax())
        weights = weights / torch.where(allowed.any(-1, keepdim=True), total, 1.0)
    if case.stick:
        columns = list[Tensor]()
        left = torch.ones_like(score[..., 0])
        for column in reversed(range(score.shape[-1])):
            part = torch.where(allowed[..., column], torch.sigmoid(score[..., column]), 0.0)
            columns.append(part * left)
            kept = torch.sigmoid(-score[..., column])
            left = left * torch.where(allowed[..., column], kept, 1.0)
        weights = torch.stack(columns[::-1], -1)
    return torch.einsum(case.equation, weights, value)


def gradients(y: Tensor, x: Tensors, weight: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad((y * weight).sum(), list(x), materialize_grads=True))


def close(left: Tensor, right: Tensor, factor: float = 1.0) -> bool:
    return torch.allclose(left, right, rtol=1e-12, atol=1e-12 * factor)


def agrees(case: Case, time: int, kernel: dict[str, Any] | None = None) -> bool:
    x = draw(case, 2, time)
    y, expected = run(case, x, kernel=kernel)[0], naive(case, x)
    weight = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(1))
    pairs = zip(gradients(y, x, weight), gradients(expected, x, weight), strict=True)
    return close(y, expected) and all(close(a, b, 10.0) for a, b in pairs)


@pytest.mark.parametrize("time", LENGTHS)
def test_outputs_and_gradients_are_the_definition(case: Case, time: int) -> None:
    assert agrees(case, time)


def test_definition_by_hand() -> None:
    """The definition that the others are compared with, against a loop over tokens."""
    case = CASES["window"]
    x = draw(case, 1, 30)
    (q,), (k, v) = x.queries, x.attended
    for t in range(30):
        seen = slice(max(0, t - 8), t + 1)
        for h in range(H):
            weights = torch.softmax(k[0, seen, h] @ q[0, t, h] / math.sqrt(K), 0)
            assert close(naive(case, x)[0, t, h], weights @ v[0, seen, h])


def test_exact_in_the_ring(case: Case) -> None:
    shapes = draw(case, 1, 140)
    random = torch.Generator().manual_seed(2)

    def ring(xs: list[Tensor]) -> list[Tensor]:
        return [RingMode.random(x.shape, random).requires_grad_() for x in xs]

    x = Tensors(ring(shapes.queries), ring(shapes.attended), ring(shapes.plain))
    with RingMode():
        y, expected = run(case, x)[0], naive(case, x)
        found = [gradients(z, x, RingMode.encode(2.0)) for z in (y, expected)]
    for a, b in [(y, expected), *zip(*found, strict=True)]:
        assert (RingMode.values(a) == RingMode.values(b)).all()


def test_packed_rows_are_separate_rows(case: Case) -> None:
    x, pieces = draw(case, 1, 200), []
    y, state = run(case, x, CUTS)
    for n, (start, end) in enumerate(zip(CUTS[:-1].tolist(), CUTS[1:].tolist(), strict=True)):
        part, after = run(case, x.part(slice(None), slice(start, end)))
        pieces.append(part)
        for cached, alone in zip(state["cached"], after["cached"], strict=True):
            count = min(end - start, cached.shape[1])
            assert torch.equal(
                cached[n, cached.shape[1] - count :], alone[0, alone.shape[1] - count :]
            )
    assert close(y, torch.cat(pieces, 1))
    assert state["t"].tolist() == CUTS.diff().tolist()


def test_streaming_packed_documents_and_single_tokens(case: Case) -> None:
    """Packed beginnings of several lengths, then packed middles, then a token at a time."""
    lengths = (0, 5, 130, 1)
    x = draw(case, 4, 150)
    whole = run(case, x)[0]

    def packed(first: list[int], last: list[int], state: dict[str, Any] | None) -> Any:
        docs = [x.part(slice(n, n + 1), slice(a, b)) for n, (a, b) in enumerate(zip(first, last))]  # noqa: B905
        joined = Tensors(
            [torch.cat(xs, 1) for xs in zip(*[d.queries for d in docs], strict=True)],
            [torch.cat(xs, 1) for xs in zip(*[d.attended for d in docs], strict=True)],
            x.plain,
        )
        counts = torch.tensor([0, *(b - a for a, b in zip(first, last, strict=True))])
        y, state = run(case, joined, counts.cumsum(0), state)
        expected = [whole[n, a:b] for n, (a, b) in enumerate(zip(first, last, strict=True))]
        assert close(y[0], torch.cat(expected))
        return state

    state = packed([0] * 4, list(lengths), None)
    state = packed(list(lengths), [n + 7 for n in lengths], state)
    for step in range(7, 12):
        places = [n + step for n in lengths]
        rows = [x.part(slice(n, n + 1), slice(p, p + 1)) for n, p in enumerate(places)]
        token = Tensors(
            [torch.cat(xs) for xs in zip(*[r.queries for r in rows], strict=True)],
            [torch.cat(xs) for xs in zip(*[r.attended for r in rows], strict=True)],
            x.plain,
        )
        y, state = run(case, token, None, state)
        assert close(y[:, 0], torch.stack([whole[n, p] for n, p in enumerate(places)]))
    assert state["t"].tolist() == [n + 12 for n in lengths]


def test_gradients_flow_through_a_state(case: Case) -> None:
    x = draw(case, 2, 60)
    first, state = run(case, x.part(slice(None), slice(0, 25)))
    second = run(case, x.part(slice(None), slice(25, 60)), None, state)[0]
    y, one = torch.cat([first, second], 1), torch.ones(())
    pairs = zip(gradients(y, x, one), gradients(naive(case, x), x, one), strict=True)
    assert all(close(a, b, 100.0) for a, b in pairs)


@pytest.mark.parametrize("cut", [1, 63, 127, 128, 129, 199])
def test_earlier_outputs_keep_their_bits(case: Case, cut: int) -> None:
    x = draw(case, 1, 200, torch.float32)
    before = run(case, x)[0]
    for magnitude in (1.0, 1e4, 1e15, 1e30):
        for s in [*x.queries, *x.attended]:
            s.data[:, cut:] = torch.randn_like(s[:, cut:]) * magnitude
        y = run(case, x)[0]
        assert torch.equal(y[:, :cut], before[:, :cut])
        if magnitude == 1e30:  # later scores overflow, and NaN times 0 is none
            return
        found = torch.autograd.grad(y[:, :cut].sum(), [*x.queries, *x.attended], allow_unused=True)
        for grad in found:
            assert grad is None or (grad[:, cut:] == 0).all()


@pytest.mark.parametrize("sink", [-1e4, 0.0, 1e4])
def test_nothing_admissible_gives_zero_and_no_nan(sink: float) -> None:
    for case in (CASES["strict"], CASES["far window"], CASES["sink"], CASES["linear"]):
        x = draw(case, 1, 12)
        for p in x.plain:
            p.data.fill_(sink)
        y = run(case, x)[0]
        assert (y[:, 0] == 0).all()
        assert all(g.isfinite().all() for g in [y, *gradients(y, x, torch.ones(()))])


def test_a_row_of_no_tokens(case: Case) -> None:
    for cuts in (None, torch.tensor([0, 0, 0])):
        x = draw(case, 1, 0)
        y, state = run(case, x, cuts)
        assert y.shape == naive(case, draw(case, 1, 1))[:, :0].shape
        assert all((g == 0).all() for g in gradients(y, x, torch.ones(())))
        assert state["t"].tolist() == [0] * (1 if cuts is None else 2)


class Largest(TorchDispatchMode):
    """The number of operators and the elements of the largest float tensor made."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = self.operators = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.operators += 1
        if isinstance(result, Tensor) and result.is_floating_point():
            self.elements = max(self.elements, result.numel())
        return result


def measured(case: Case, time: int, cuts: Tensor | None = None) -> Largest:
    x = draw(case, 1, time, torch.float32)
    with Largest() as mode:
        run(case, x, cuts, remember=False)[0].sum().backward()
    return mode


def test_memory_grows_with_time_alone() -> None:
    block = CASES["full"].kernel()["BLOCK"]
    for name, span in (("full", 1024), ("window", block + 8), ("sigmoid", block + 39)):
        largest = measured(CASES[name], 1024).elements
        assert largest <= max(block * span, 1024 * V) * H


def test_holds_its_inputs_alone(case: Case) -> None:
    held: list[Tensor] = []
    x = draw(case, 1, 200)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (held.append(t), t)[1], lambda t: t):
        run(case, x)
    inputs = {t.data_ptr() for t in x}
    assert {t.data_ptr() for t in held if t.is_floating_point()} <= inputs


def test_work_does_not_depend_on_the_number_of_documents(case: Case) -> None:
    few, many = torch.tensor([0, 100, 512]), torch.arange(0, 513, 4)
    assert measured(case, 512, few).operators == measured(case, 512, many).operators
    one, much = measured(case, 512, few).elements, measured(case, 512, many).elements
    assert much <= one


def test_function_transforms_and_autocast(case: Case) -> None:
    x = draw(case, 1, 40, torch.float32)
    given = x.attended[-1]

    def loss(v: Tensor) -> Tensor:
        return run(case, Tensors(x.queries, [*x.attended[:-1], v], x.plain))[0].sum()

    expected = torch.autograd.grad(loss(given), given)[0]
    assert torch.allclose(torch.func.grad(loss)(given.detach()), expected)
    with torch.autocast("cpu", torch.bfloat16):
        low = run(case, x)[0]
    found = torch.autograd.grad(low.float().sum(), given)[0]
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()


FAULTS = {
    "a block's last key": ("full", "((first, last + 1),)", "((first, last),)"),
    "a block's first key": ("window", "self.slot[t] - self.reach", "self.slot[t] - self.reach + 1"),
    "the sink in the numerator": ("sink", "total = total + torch.exp(sink - top)",
                                  "weights = weights + torch.exp(sink - top)"),
    "the sink forgotten": ("sink", "total = total + torch.exp(sink - top)", "pass"),
    "the sink's gradient": ("sink", "-spare[0] * mean", "spare[0] * mean"),
    "keys overwritten": ("full", "grad += part", "grad.copy_(part)"),
    "no normaliser in the gradient": ("full", "d_score - mean", "d_score"),
    "masked scores in the gradient": ("linear", "torch.where(allowed, d_score, 0.0)", "d_score"),
    "the mask forgotten": ("linear", "torch.where(allowed, score, 0.0)", "score"),
    "a key's own share taken from itself": ("stick", "later.flip(-1)", "left.flip(-1)"),
    "what later keys leave in the gradient": ("stick", "before.cumsum(-1)", "flow.cumsum(-1)"),
    "a mask that breaks the stick": ("stick", "torch.where(allowed, torch.sigmoid(-score), 1.0)",
                                     "torch.sigmoid(-score)"),
    "the mean of everything where nothing is": ("strict", "answered(torch.einsum(equation, weights,"
                                                " value), allowed)",
                                                "torch.einsum(equation, weights, value)"),
}  # fmt: skip


def planted(case: Case, old: str, new: str) -> dict[str, Any]:
    imports, text = assemble(
        "attend/torch.py", SINK=case.sink, SOFTMAX=case.softmax, STICK=case.stick
    )
    assert text.count(old) == 1
    names: dict[str, Any] = {"__name__": "planted"}
    exec("\n".join([*imports, text.replace(old, new)]), names)
    return names


@pytest.mark.parametrize("fault", FAULTS.values(), ids=[n.replace(" ", "-") for n in FAULTS])
def test_planted_faults_are_seen(fault: tuple[str, str, str]) -> None:
    case = CASES[fault[0]]
    assert not agrees(case, 150, planted(case, *fault[1:]))


@pytest.mark.parametrize("name", ["window", "far window", "first tokens", "block local", "dilated"])
def test_a_mask_off_by_one_is_seen(name: str) -> None:
    case = CASES[name]
    x = draw(case, 1, 150)

    def shifted(t: Tensor, j: Tensor, *rest: Tensor) -> Any:
        return case.weigh(t - 1, j, *rest)

    y = run(Case(shifted, reach=None if case.reach is None else case.reach + 1), x)[0]
    assert not close(y, naive(case, x))


def test_keys_of_another_document_are_seen() -> None:
    case = CASES["window"]
    kernel = planted(case, "real = real & (self.rows.doc", "real = real | (self.rows.doc")
    x = draw(case, 1, 200)
    assert not close(run(case, x, CUTS, kernel=kernel)[0], run(case, x, CUTS)[0])


def test_a_start_that_is_not_carried_is_seen() -> None:
    case = CASES["block local"]
    x = draw(case, 1, 100)
    state = run(case, x.part(slice(None), slice(0, 50)))[1]
    whole, part = run(case, x)[0][:, 50:], x.part(slice(None), slice(50, 100))
    assert close(run(case, part, None, state)[0], whole)
    assert not close(run(case, part, None, {**state, "t": state["t"] - 1})[0], whole)
