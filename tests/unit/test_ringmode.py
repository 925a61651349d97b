"""RingMode decides whether chunked forms equal loops, with gradients; planted faults are found."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from asiarch.laws import RingError, RingMode

Function = Callable[..., Tensor]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def draw(*shape: int, g: torch.Generator | None = None) -> Tensor:
    return RingMode.random(shape, g or generator())


def same(x: Tensor, y: Tensor) -> bool:
    return bool((RingMode.values(x) == RingMode.values(y)).all())


def with_gradients(function: Function, *inputs: Tensor) -> list[Tensor]:
    leaves = [x.clone().requires_grad_() for x in inputs]
    with RingMode():
        out = function(*leaves)
        cotangent = RingMode.random(out.shape, generator())
        return [out, *torch.autograd.grad(out, leaves, cotangent)]


def equal(first: Function, second: Function, *inputs: Tensor) -> bool:
    pairs = zip(with_gradients(first, *inputs), with_gradients(second, *inputs), strict=True)
    return all(same(x, y) for x, y in pairs)


# Softmax in three forms.


def max_subtracted(x: Tensor) -> Tensor:
    weights = torch.exp(x - x.amax(-1, keepdim=True))
    return weights / weights.sum(-1, keepdim=True)


def online_attention(scores: Tensor, values: Tensor, forget: bool = False) -> Tensor:
    top = torch.full(scores.shape[:-1], -math.inf)
    norm = torch.zeros(scores.shape[:-1])
    out = torch.zeros(scores.shape[0], values.shape[-1])
    for i in range(0, scores.shape[-1], 16):
        block = scores[:, i : i + 16]
        new = torch.maximum(top, block.amax(-1))
        weights, scale = torch.exp(block - new[:, None]), torch.exp(top - new)
        norm = norm * scale + weights.sum(-1)
        out = (out if forget and i == 32 else out * scale[:, None]) + weights @ values[i : i + 16]
        top = new
    return out / norm[:, None]


def causal(scores: Tensor, diagonal: int = 1) -> Tensor:
    mask = torch.ones(scores.shape, dtype=torch.bool).triu(diagonal)
    return scores.masked_fill(mask, -math.inf)


def test_softmax_in_three_forms() -> None:
    scores, values = draw(40, 40), draw(40, 3)
    assert equal(
        lambda s, v: torch.softmax(causal(s), -1) @ v,
        lambda s, v: max_subtracted(causal(s)) @ v,
        scores,
        values,
    )
    assert equal(
        lambda s, v: torch.softmax(causal(s), -1) @ v,
        lambda s, v: online_attention(causal(s), v),
        scores,
        values,
    )


def test_softmax_faults_are_found() -> None:
    scores, values = draw(40, 40), draw(40, 3)
    with RingMode():
        right = torch.softmax(causal(scores), -1) @ values
        forgotten = online_attention(causal(scores), values, forget=True)
        shifted = torch.softmax(causal(scores, 2), -1) @ values
    assert not same(right, forgotten)
    assert not same(right, shifted)


# Scalar decay: S_t = a_t S_{t-1} + k_t v_t', o_t = q_t' S_t.


def decay_loop(q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor) -> Tensor:
    state = torch.zeros(k.shape[-1], v.shape[-1])
    outs: list[Tensor] = []
    for t in range(q.shape[0]):
        state = torch.exp(log_decay[t]) * state + torch.outer(k[t], v[t])
        outs.append(q[t] @ state)
    return torch.stack(outs)


def decay_chunked(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, size: int = 16, fault: str = ""
) -> Tensor:
    state = torch.zeros(k.shape[-1], v.shape[-1])
    outs: list[Tensor] = []
    for i in range(0, q.shape[0], size):
        rows = slice(i, i + size)
        gate = log_decay[rows].cumsum(0)
        difference = gate[:, None] - gate[None, :]
        mask = torch.ones(difference.shape).tril(-1 if fault == "mask" else 0).bool()
        weights = torch.exp(difference.masked_fill(~mask, -math.inf))
        read = gate - log_decay[rows] if fault == "read point" else gate
        inner = (q[rows] @ k[rows].T * weights) @ v[rows]
        outs.append(inner + (q[rows] @ state) * torch.exp(read)[:, None])
        write = torch.exp(gate[-1] - gate)[:, None] * k[rows]
        carried = torch.zeros_like(state) if fault == "carry" and i else state
        state = torch.exp(gate[-1]) * carried + write.T @ v[rows]
        if fault == "scale" and i == size:
            state = state * 1.01
    return torch.cat(outs)


def decay_inputs(time: int) -> tuple[Tensor, ...]:
    g = generator()
    return draw(time, 3, g=g), draw(time, 3, g=g), draw(time, 2, g=g), draw(time, g=g)


@pytest.mark.parametrize("time", [1, 16, 40, 53])
def test_chunked_scalar_decay_is_the_loop(time: int) -> None:
    assert equal(decay_loop, decay_chunked, *decay_inputs(time))


@pytest.mark.parametrize("fault", ["mask", "read point", "carry", "scale"])
def test_decay_faults_are_found(fault: str) -> None:
    inputs = decay_inputs(53)
    with RingMode():
        assert not same(decay_loop(*inputs), decay_chunked(*inputs, fault=fault))


def test_token_0_reaches_the_last_output() -> None:
    inputs = decay_inputs(96)
    changed = [x.clone() for x in inputs]
    changed[1][0, 0], changed[2][0, 0] = RingMode.encode(3), RingMode.encode(5)
    for form in (decay_loop, decay_chunked):
        with RingMode():
            before, after = form(*inputs), form(*changed)
        assert (RingMode.values(before[-1]) != RingMode.values(after[-1])).all()


# The delta rule: S_t = (I - b k k') a S_{t-1} + b k v'.


def delta_loop(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_decay: Tensor) -> Tensor:
    state = torch.zeros(k.shape[-1], v.shape[-1])
    outs: list[Tensor] = []
    for t in range(q.shape[0]):
        state = torch.exp(log_decay[t]) * state
        state = state + torch.outer(k[t], beta[t] * (v[t] - k[t] @ state))
        outs.append(q[t] @ state)
    return torch.stack(outs)


def delta_chunked(
    q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_decay: Tensor, size: int = 16
) -> Tensor:
    state = torch.zeros(k.shape[-1], v.shape[-1])
    outs: list[Tensor] = []
    for i in range(0, q.shape[0], size):
        rows = slice(i, i + size)
        key, gate = k[rows], log_decay[rows].cumsum(0)
        difference = gate[:, None] - gate[None, :]
        lower = torch.ones(difference.shape, dtype=torch.bool).tril()
        weights = torch.exp(difference.masked_fill(~lower, -math.inf))
        system = (beta[rows, None] * key) @ key.T * weights
        system = system.tril(-1) + torch.eye(len(key))
        seen = (key @ state) * torch.exp(gate)[:, None]
        right = beta[rows, None] * (v[rows] - seen)
        write = torch.linalg.solve_triangular(system, right, upper=False, unitriangular=True)
        outs.append(
            (q[rows] @ state) * torch.exp(gate)[:, None] + (q[rows] @ key.T * weights) @ write
        )
        state = torch.exp(gate[-1]) * state + (torch.exp(gate[-1] - gate)[:, None] * key).T @ write
    return torch.cat(outs)


class Recomputed(torch.autograd.Function):
    """The shape of a class kernel: saves its inputs, differentiates the recomputed chunk form."""

    @staticmethod
    def forward(*inputs: Tensor) -> Tensor:
        return delta_chunked(*inputs)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, ...]:
        leaves = [x.detach().requires_grad_() for x in ctx.saved_tensors]
        with torch.enable_grad():
            return torch.autograd.grad(delta_chunked(*leaves), leaves, grad)


@pytest.mark.parametrize("time", [15, 40])
def test_chunked_delta_rule_is_the_loop(time: int) -> None:
    g = generator()
    inputs = (*decay_inputs(time)[:3], draw(time, g=g), draw(time, g=g))
    assert equal(delta_loop, delta_chunked, *inputs)
    assert equal(delta_loop, Recomputed.apply, *inputs)
    assert equal(delta_loop, lambda *x: checkpoint(delta_chunked, *x, use_reentrant=False), *inputs)


# Operators.


def row(*shape: int, seed: int) -> Tensor:
    return RingMode.random(shape, torch.Generator().manual_seed(seed))


def by_hand_layer_norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred * torch.rsqrt(centred.pow(2).mean(-1, keepdim=True) + 1e-5) * w + b


def by_hand_attention(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return torch.softmax(causal(x @ (x * w).T / 7**0.5), -1) @ (x * b)


PAIRS: dict[str, tuple[Function, Function]] = {
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (7,), w, b), by_hand_layer_norm),
    "rms_norm": (
        lambda x, w, b: F.rms_norm(x, (7,), w, 1e-6) + b,
        lambda x, w, b: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w + b,
    ),
    "silu": (
        lambda x, w, b: F.silu(x * w) + b,
        lambda x, w, b: x * w * torch.exp(F.logsigmoid(x * w)) + b,
    ),
    "gelu": (
        lambda x, w, b: F.gelu(x * w) + b,
        lambda x, w, b: x * w * 0.5 * (1 + torch.erf(x * w * 0.5**0.5)) + b,
    ),
    "gelu, tanh": (
        lambda x, w, b: F.gelu(x * w, approximate="tanh") + b,
        lambda x, w, b: 0.5 * x * w * (1 + torch.tanh(_gelu_inner(x * w))) + b,
    ),
    "relu and clamp": (lambda x, w, b: F.relu(x * w) + b, lambda x, w, b: (x * w).clamp(min=0) + b),
    "relu and where": (
        lambda x, w, b: F.relu(x * w) + b,
        lambda x, w, b: torch.where(x * w > 0, x * w, 0.0) + b,
    ),
    "log_softmax": (
        lambda x, w, b: F.log_softmax(x * w, -1) + b,
        lambda x, w, b: x * w - torch.logsumexp(x * w, -1, keepdim=True) + b,
    ),
    "cumsum": (
        lambda x, w, b: x.cumsum(0) * w + b,
        lambda x, w, b: torch.ones(5, 5).tril() @ x * w + b,
    ),
    "cumprod": (
        lambda x, w, b: x.cumprod(1) * w + b,
        lambda x, w, b: torch.stack([x[:, : i + 1].prod(1) for i in range(7)], 1) * w + b,
    ),
    "einsum and linear": (
        lambda x, w, b: torch.einsum("ta,a,b->tb", x, w, b),
        lambda x, w, b: F.linear(x, torch.outer(b, w)),
    ),
    "addmm": (
        lambda x, w, b: torch.addmm(b, x, torch.outer(w, b), alpha=0.5),
        lambda x, w, b: b + x @ torch.outer(w, b) / 2,
    ),
    "power of a constant": (
        lambda x, w, b: 2.0**x * w + b,
        lambda x, w, b: torch.exp(x * math.log(2)) * w + b,
    ),
    "variance": (
        lambda x, w, b: x.var(-1, keepdim=True) * w + b,
        lambda x, w, b: (x.pow(2).sum(-1, True) - x.sum(-1, True) ** 2 / 7) / 6 * w + b,
    ),
    "attention": (
        lambda x, w, b: F.scaled_dot_product_attention(
            x[None], (x * w)[None], (x * b)[None], is_causal=True
        )[0],
        by_hand_attention,
    ),
    "conversions": (
        lambda x, w, b: (x.float().bfloat16().to(torch.float32) * w.double() + b).type_as(x),
        lambda x, w, b: x * w + b,
    ),
    "shift by pad": (
        lambda x, w, b: F.pad(x, (0, 0, 2, 0))[:5] * w + b,
        lambda x, w, b: torch.cat([torch.zeros(2, 7), x[:3]]) * w + b,
    ),
    "in place": (
        lambda x, w, b: x.clone().mul_(w).add_(b, alpha=3).div_(4),
        lambda x, w, b: (x * w + 3 * b) / 4,
    ),
    "writes into slices": (lambda x, w, b: _by_slices(x, w) + b, lambda x, w, b: x * w + b),
    "gather": (
        lambda x, w, b: x.gather(0, _positions()) * w + b,
        lambda x, w, b: x.index_select(0, _positions()[:, 0]) * w + b,
    ),
    "advanced indices": (
        lambda x, w, b: x[_positions()[:, 0]] * w + b,
        lambda x, w, b: F.embedding(_positions()[:, 0], x) * w + b,
    ),
    "scatter": (
        lambda x, w, b: torch.zeros(5, 7).index_add(0, _positions()[:, 0], x) * w + b,
        lambda x, w, b: torch.zeros(5, 7).scatter_add(0, _positions(), x) * w + b,
    ),
    "unfold": (
        lambda x, w, b: x.unfold(0, 2, 1).sum(-1)[:, :] * w + b,
        lambda x, w, b: (x[1:] + x[:-1]) * w + b,
    ),
    "convolution": (
        lambda x, w, b: F.conv1d(x.T[None], _taps(w), b, padding=4, dilation=2, groups=7)[0].T,
        lambda x, w, b: _by_taps(x, _taps(w)) + b,
    ),
    "dense convolution": (
        lambda x, w, b: F.conv1d(x.T[None], torch.outer(b, w)[:, :, None], b, stride=2)[0].T,
        lambda x, w, b: x[::2] @ torch.outer(w, b) + b,
    ),
    "logcumsumexp": (
        lambda x, w, b: torch.logcumsumexp(x * w, 0) + b,
        lambda x, w, b: torch.log(torch.ones(5, 5).tril() @ torch.exp(x * w)) + b,
    ),
    "cummax": (
        lambda x, w, b: x.cummax(0).values * w + b,
        lambda x, w, b: torch.stack([x[: i + 1].amax(0) for i in range(5)]) * w + b,
    ),
    "scatter_reduce": (
        lambda x, w, b: torch.zeros(5, 7).scatter_reduce(0, _positions(), x, "sum") * w + b,
        lambda x, w, b: torch.zeros(5, 7).scatter_add(0, _positions(), x) * w + b,
    ),
    "topk": (
        lambda x, w, b: x.topk(1, -1).values * w + b,
        lambda x, w, b: x.max(-1, keepdim=True).values * w + b,
    ),
}


def _gelu_inner(x: Tensor) -> Tensor:
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


def _by_slices(x: Tensor, w: Tensor) -> Tensor:
    out = torch.empty_like(x)
    out[:2] = x[:2]
    out[2:] = x[2:]
    out *= w
    return out


def _taps(w: Tensor) -> Tensor:
    return torch.stack([w, w * w, 1 - w], 1)[:, None]


def _by_taps(x: Tensor, taps: Tensor) -> Tensor:
    time = x.shape[0]
    padded = F.pad(x, (0, 0, 4, 4))
    return sum(taps[:, 0, j] * padded[2 * j : 2 * j + time + 4] for j in range(3))


def _positions() -> Tensor:
    return torch.tensor([3, 0, 0, 4, 1])[:, None].expand(5, 7)


@pytest.mark.parametrize("name", PAIRS)
def test_two_spellings_agree_with_their_gradients(name: str) -> None:
    assert equal(*PAIRS[name], row(5, 7, seed=1), row(7, seed=2), row(7, seed=3))


@pytest.mark.parametrize("name", PAIRS)
def test_a_small_factor_is_seen_through_every_spelling(name: str) -> None:
    x, w, b = row(5, 7, seed=1), row(7, seed=2), row(7, seed=3)
    with RingMode():
        right, wrong = PAIRS[name][0](x, w, b), PAIRS[name][0](x * 1.01, w, b)
    assert not same(right, wrong)


def test_functions_of_two_operands_without_a_law_are_functions_still() -> None:
    x, y = draw(4, 3), row(4, 3, seed=9)
    with RingMode():
        assert same(x**y, torch.exp(y * torch.log(x)))
        assert same(x % 7, x.clone().remainder_(7))
        assert not same(x % 7, y % 7)
        assert same(torch.floor(x), x.clone().floor_())
        assert (torch.arange(5) % 2).tolist() == [0, 1, 0, 1, 0]


def test_cross_entropy_is_its_definition() -> None:
    target = torch.tensor([1, 0, -100, 6, 2])

    def by_hand(x: Tensor) -> Tensor:
        kept = target >= 0
        logits, wanted = x[kept], target[kept]
        top = logits.detach().amax(-1, keepdim=True)
        norm = torch.log(torch.exp(logits - top).sum(-1)) + top[:, 0]
        return (norm - logits.gather(1, wanted[:, None])[:, 0]).mean()

    assert equal(lambda x: F.cross_entropy(x, target), by_hand, row(5, 7, seed=4))


def test_a_whole_module_is_read_after_randomize() -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.LayerNorm(8), nn.Linear(8, 2))
    RingMode.randomize(module.double(), generator())
    x = draw(3, 4)
    with RingMode() as mode:
        out = module(x)
        out.sum().backward()
        rows = torch.cat([module(x[i : i + 1]) for i in range(3)])
    assert same(out, rows)
    assert module[0].weight.grad is not None
    assert {"addmm", "silu", "native_layer_norm"} <= mode.operators


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_recurrent_modules_of_torch_are_read(kind: type[nn.Module]) -> None:
    module = RingMode.randomize(kind(4, 3, batch_first=True).double(), generator())
    x = draw(2, 9, 4)
    with RingMode():
        whole, _ = module(x)
        first, state = module(x[:, :5])
        second, _ = module(x[:, 5:], state)
        assert same(whole, torch.cat([first, second], 1))


def test_attention_inside_modules_of_torch_is_read() -> None:
    module = nn.MultiheadAttention(4, 2, batch_first=True).double()
    RingMode.randomize(module, generator())
    mask = torch.ones(6, 6, dtype=torch.bool).triu(1)

    def fused(x: Tensor) -> Tensor:
        return module(x, x, x, attn_mask=mask, need_weights=False)[0]

    def plain(x: Tensor) -> Tensor:
        q, k, v = F.linear(x, module.in_proj_weight, module.in_proj_bias).chunk(3, -1)
        q, k, v = (y.unflatten(-1, (2, 2)).transpose(1, 2) for y in (q, k, v))
        weights = torch.softmax((q @ k.mT / 2**0.5).masked_fill(mask, -math.inf), -1)
        return module.out_proj((weights @ v).transpose(1, 2).flatten(2))

    assert equal(fused, plain, draw(2, 6, 4))


def test_constants_and_integers_become_residues() -> None:
    with RingMode():
        x = torch.ones(3) / torch.arange(1, 4)
        y = torch.tensor([1.0, 0.5, 1 / 3])
        z = torch.full((3,), 2.0) * x
        assert torch.equal(x, y)
        assert not torch.equal(z, y)
        assert x.dtype == torch.float64
        assert (torch.zeros(2, dtype=torch.bfloat16) + torch.tensor([True, False])).dtype == x.dtype
    assert torch.get_default_dtype() == torch.float32
    assert same(RingMode.encode([1, 0.5]), y[:2])
    assert same(RingMode.encode(y), y)


def test_floats_that_were_not_encoded_are_refused() -> None:
    x, single = torch.rand(3, dtype=torch.float64), torch.rand(3)
    with RingMode(), pytest.raises(RingError, match=r"mul read bits that are no ring element"):
        x * 2
    with RingMode(), pytest.raises(RingError, match="float64, got"):
        single * 2


def test_memory_that_was_never_written_is_noticed() -> None:
    with RingMode(), pytest.raises(RingError, match="never written"):
        torch.empty(3) + 1


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("randn", lambda x: torch.randn(3)),
        ("convolution", lambda x: F.conv2d(x[None, None], x[None, None])),
        ("atan", lambda x: torch.atan(x)),
        ("_local_scalar_dense", lambda x: x[0, 0].item()),
        ("ceil_", lambda x: x.clone().ceil_()),
    ],
)
def test_an_operator_without_a_reading_is_an_error(name: str, call: Callable[..., object]) -> None:
    x = draw(3, 3)
    with RingMode(), pytest.raises(RingError, match=f"aten.{name} "):
        call(x)
