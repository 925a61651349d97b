"""`asiarch audit`: what it makes up, what it asks for, and its exit statuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from asiarch import cli
from asiarch.laws.randomness import seeded

MODELS = """
from dataclasses import dataclass
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

print("a stranger's file may print")


@dataclass
class ModelConfig:
    width: int = 16
    heads: int = 2


class Causal(nn.Module):
    def __init__(self, dim, n_heads=2, dropout=0.1):
        super().__init__()
        self.qkv, self.dropout = nn.Linear(dim, 3 * dim), nn.Dropout(dropout)

    def forward(self, hidden_states):
        q, k, v = self.qkv(hidden_states).chunk(3, -1)
        return self.dropout(F.scaled_dot_product_attention(q, k, v, is_causal=True))


class Leaky(Causal):
    def forward(self, hidden_states):
        q, k, v = self.qkv(hidden_states).chunk(3, -1)
        return F.scaled_dot_product_attention(q, k, v)


class Configured(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.table, self.mix = nn.Embedding(50, config.width), Causal(config.width)

    def forward(self, input_ids, attention_mask=None, labels=None):
        out = self.mix(self.table(input_ids))
        return {"loss": None, "logits": out, "cache": (out.mT, [out.mean(1)])}


class Needs(nn.Module):
    def __init__(self, dim, flavour, spin):
        super().__init__()


class Raises(nn.Module):
    def forward(self, x):
        raise RuntimeError("not today")


class Pooled(nn.Module):
    def forward(self, x):
        return x.mean(1)


class Noise(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x)


class TimeFirst(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.rnn = nn.GRU(dim, dim)

    def forward(self, x):
        return self.rnn(x)


class ChannelsFirst(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 3)

    def forward(self, x):
        return self.conv(F.pad(x, (2, 0)))


class Hidden(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.mix, self.gate = nn.Linear(dim, dim), nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        return x + self.gate * self.mix(x).mean(1, keepdim=True)

    def encode(self, x):
        return self.mix(x)


class Heads(nn.Module):
    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class Nothing(nn.Module):
    def forward(self, x):
        return x.mean(1, keepdim=True) * float("nan") + x


class Strict(Causal):
    # The first token attends to nothing: its softmax is NaN, and no leak.

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        past = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril(-1)
        return torch.softmax((q @ k.mT).masked_fill(~past, -float("inf")), -1) @ v


class Experts(nn.Module):
    # Routing by chance; tokens of all rows are gathered for an expert, which rounds with them.

    def __init__(self, dim, num_experts):
        super().__init__()
        self.route = nn.Linear(dim, num_experts)
        self.experts = nn.ModuleList(nn.Linear(dim, dim) for _ in range(num_experts))

    def forward(self, x):
        scores = self.route(x)
        chosen = (scores + torch.randn_like(scores)).argmax(-1)
        out = torch.zeros_like(x)
        for n, expert in enumerate(self.experts):
            out[chosen == n] = expert(x[chosen == n])
        return SimpleNamespace(out=out, load=scores.mean())


class Spectral(nn.Module):
    # Its norm is refined by every call in training.

    def __init__(self, dim):
        super().__init__()
        self.inner = nn.utils.parametrizations.spectral_norm(nn.Linear(dim, dim))

    def forward(self, x):
        return self.inner(x)


class Chunks(nn.Module):
    def forward(self, x):
        return x.unflatten(1, (-1, 16)).cumsum(2).flatten(1, 2)


class Transform(nn.Module):
    # A convolution by FFT in float32, whatever it is given.

    def __init__(self, dim, max_len):
        super().__init__()
        self.taps = nn.Parameter(torch.randn(dim, max_len))

    def forward(self, x):
        time = x.shape[1]
        taps = torch.fft.rfft(self.taps[:, :time].float(), 2 * time)
        spectrum = torch.fft.rfft(x.float().mT, 2 * time) * taps
        return torch.fft.irfft(spectrum, 2 * time)[..., :time].mT


class Flat(nn.Module):
    # Logits of all tokens in one axis, and no more than 40 positions.

    def __init__(self, vocab_size):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocab_size, 8), nn.Embedding(40, 8)

    def forward(self, idx, targets=None):
        x = self.tokens(idx) + self.places(torch.arange(idx.shape[1]))
        return (x.cumsum(1) @ self.tokens.weight.mT).flatten(0, 1), None


class Constant(nn.Module):
    def forward(self, x, mask):
        return x.masked_fill(mask, 0)


def factory():
    return Leaky(8)


def wrong():
    return 3


def heads():
    return tuple(torch.randn(2, 4, 33, 8) for _ in range(3))


def masked(batch, time, generator):
    x = torch.randn(batch, time, 4, generator=generator)
    return {"x": x, "mask": torch.zeros(batch, time, 1, dtype=torch.bool)}


instance = Causal(8)
"""

Shown = tuple[int, str, str]
Run = Callable[..., Shown]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "broken.py").write_text("import torch\n\nclass A(:\n")
    (tmp_path / "raising.py").write_text("import torch\n\nx = 1 / 0\n")
    (tmp_path / "empty.py").write_text("x = 1\n")

    def once(*words: str) -> Shown:
        try:
            status = cli.main(["audit", *words])
        except SystemExit as stop:
            status = int(stop.code or 0)
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return once


@pytest.mark.parametrize(
    ("words", "called"),
    [
        (["models.py:Causal"], "Causal(dim=32)  forward(hidden_states float32 [batch 3, time 65, "),
        (["models.py:Causal", "--arg", "dim=8", "-a", "dropout=0.0"], "Causal(dim=8, dropout=0.0)"),
        (["models.py:Causal", "--input", "2,40,32"], "[batch 2, time 40, 32]"),
        (["models.py:Causal", "--time", "20"], "[batch 3, time 20, 32]"),
        (["models.py:Configured"], "(input_ids int64 [batch 3, time 65])"),
        (
            ["models.py:Configured", "--arg", "config.width=8", "--tokens", "9"],
            "config=ModelConfig(",
        ),
        (["models.py:instance"], "instance  forward("),
        (["models.py:TimeFirst"], "[time 65, batch 3, 32]"),
        (["models.py:ChannelsFirst"], "[batch 3, 32, time 65]"),
        (["models.py:Hidden", "--call", "encode"], "encode(x float32"),
        (
            ["models.py:Heads", "--inputs", "heads", "--layout", "bhtd"],
            "q float32 [batch 2, 4, time",
        ),
        (["models.py:Constant", "--inputs", "masked"], "mask bool [batch 3, time 65, 1]"),
        (["models.py:Noise"], "Noise()"),
        (["models.py:Experts"], "Experts(dim=32, num_experts=4)"),
        (["models.py:Spectral"], "Spectral(dim=32)"),
        (["models.py:Chunks"], "[batch 3, time 64, 8]"),
        (["models.py:Transform"], "Transform(dim=32, max_len=256)"),
        (["models.py:Flat"], "(idx int64 [batch 3, time 33])"),
        (["torch.nn:GRU", "-a", "input_size=4", "-a", "hidden_size=4"], "[time 65, batch 3, 4]"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_causal_holds(run: Run, words: list[str], called: str) -> None:
    status, out, err = run(*words)
    assert status == 0, out + err
    assert called in out.splitlines()[0]
    assert "laws that apply hold" in out


@pytest.mark.parametrize("name", ["Leaky", "factory", "Hidden"])
def test_what_leaks_fails(run: Run, name: str) -> None:
    status, out, _ = run(f"models.py:{name}")
    assert status == 1
    assert "prefix: changing token 1 changed the output at token 0" in out
    assert "models.py line" in out


def test_outputs_that_are_no_numbers_are_told(run: Run) -> None:
    status, out, _ = run("models.py:Nothing")
    assert status == 1
    assert "finite: no output of any token is finite" in out
    status, out, _ = run("models.py:Strict")
    assert status == 0, out
    assert "outputs are not finite at tokens 0: they are not seen" in out
    assert "gradients are not finite" in out


def test_the_record_for_machines(run: Run) -> None:
    status, out, err = run("models.py:Leaky", "--json", "--seconds")
    record = json.loads(out)
    assert (status, record["ok"], record["call"]) == (1, False, "Leaky(dim=32)")
    assert record["seconds"] >= 0
    assert "a stranger's file may print" in err
    prefix = next(v for v in record["verdicts"] if v["law"] == "prefix")
    witness = prefix["witness"]
    assert prefix["status"] == "failed"
    assert witness["changed_token"] > witness["affected_token"]
    assert witness["where"].startswith("first seen in Leaky itself, models.py line")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["modles.py:Causal"], "no such file: modles.py (did you mean models.py?)"),
        (["models.py:Causl"], "models.py has no `Causl`; did you mean `Causal`?"),
        (["models.py"], "say which: models.py:NAME; it has Causal, Leaky, Configured"),
        (["empty.py"], "it defines no torch module"),
        (["no.such.module:A"], "no module named no"),
        (["broken.py:A"], "SyntaxError: invalid syntax (broken.py line 3)"),
        (["raising.py:A"], "ZeroDivisionError: division by zero (raising.py line 3: x = 1 / 0)"),
        (["models.py:Needs"], "Needs(dim, flavour, spin) needs flavour, spin: give --arg flavour"),
        (["models.py:Causal", "--arg", "dimm=3"], "no argument `dimm`; did you mean `dim`?"),
        (["models.py:Causal", "--arg", "dim"], "'dim' is not NAME=VALUE"),
        (["models.py:Causal", "--arg", "dim='a'"], "making Causal(dim='a') raised TypeError"),
        (["models.py:Causal", "--input", "3"], "'3' is not a shape of two sizes or more"),
        (["models.py:Causal", "--input", "3,9,5"], "on these inputs raised RuntimeError: mat1"),
        (["models.py:Causal", "--layout", "xyz"], "a letter per axis, b for batch and t for time"),
        (["models.py:Causal", "--call", "encode"], "Causal has no method `encode`"),
        (["models.py:Raises"], "gave RuntimeError: not today"),
        (["models.py:Heads", "--inputs", "nothing"], "models.py has no `nothing`"),
        (["models.py:Heads", "--inputs", "wrong"], "has to return tensors [batch, time, ...]"),
        (["models.py:wrong"], "wrong() gave a int, not a torch module"),
        (["models.py:Constant"], "cannot make up inputs for Constant.forward(x, mask)"),
        (["models.py:Pooled", "--input", "3,9,5"], "no output has an axis of batch (3) and one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_says_what_to_do(run: Run, words: list[str], said: str) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_seeded_calls_leave_the_caller_s_random_numbers_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    first = torch.rand(1)
    with seeded():
        inside = torch.rand(1)
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)
    with seeded():
        assert torch.equal(torch.rand(1), inside)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tokens", "0"], "0 is not between 1 and"),
        (["--seed", "9" * 24], "is not between"),
        (["--input", "99999999,99999999,32"], "does not fit into memory"),
    ],
)
def test_numbers_that_cannot_be_are_refused(words: list[str], said: str, run: Run) -> None:
    status, _, error = run("models.py:Causal", "--arg", "dim=16", *words)
    assert status == 2
    assert said in error
