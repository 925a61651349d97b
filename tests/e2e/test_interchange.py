"""What torch does with modules: export, pickle, copy, transform, distribute. On emitted ones."""

from __future__ import annotations

import copy
import importlib.util
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp, vmap
from torch.utils.checkpoint import checkpoint

import asiarch
from asiarch.interface import load_source

# Of torch itself, when it loads its compiler.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:.*treespec:UserWarning"
)

WRAPPED = "\nop p[D, H](x: Seq[D]) -> Seq[D] where causal {{ return {}(x) }}\n"
HYBRID = """
use attention.sliding
use gated_delta_net.gated_delta_net
op p[D, H](x: Seq[D]) -> Seq[D] where causal {
  for layer in 2 {
    if layer == 1 { x = x + sliding[W = 4](x) } else { x = x + gated_delta_net(rmsnorm[D](x)) }
  }
  return x
}
"""
RECURRENT = """
op p[D, H](x: Seq[D]) -> Seq[D] where causal {
  state h[D]
  h = tanh(linear[D](x) + linear[D](h[t-1]))
  return linear[D](h)
}
"""
SPECS = {
    "delta": "use gated_delta_net.gated_delta_net" + WRAPPED.format("gated_delta_net"),
    "attend": "use gqa.gqa" + WRAPPED.format("gqa[G = 2]"),
    "hybrid": HYBRID,
    "nonlinear": RECURRENT,
}
SIZES = {"D": 16, "H": 2}
DISTRIBUTED = """
import os
import sys
import torch
from torch import distributed, nn
from emitted import P

rank, store = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
module = P()
module.load_state_dict(torch.load("weights.pt"))
parallel = nn.parallel.DistributedDataParallel(module)
x = torch.load("x.pt")[2 * rank : 2 * rank + 2]
parallel(x).square().mean().backward()
if rank == 0:
    torch.save({name: p.grad for name, p in module.named_parameters()}, "grads.pt")
distributed.destroy_process_group()
os._exit(0)  # gloo's threads may outlive the interpreter, and end it with an abort
"""


@pytest.fixture(params=SPECS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def module(name: str) -> nn.Module:
    return asiarch.compile(SPECS[name], sizes=SIZES, seed=0)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(4, 12, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def imported(name: str, module: nn.Module, tmp_path: Path) -> Iterator[nn.Module]:
    """The same module from the emitted file, imported as any other."""
    path = tmp_path / "emitted.py"
    path.write_text(module.emitted_source)  # pyright: ignore
    own = f"emitted_{name}"  # torch keeps what it has imported under a name
    spec = importlib.util.spec_from_file_location(own, path)
    assert spec is not None
    assert spec.loader is not None
    file = importlib.util.module_from_spec(spec)
    sys.modules[own] = file
    spec.loader.exec_module(file)
    found = file.P()
    found.load_state_dict(module.state_dict())
    yield found
    del sys.modules[own]


def parameters(module: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def gradients(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    module.zero_grad()
    module(x).square().mean().backward()
    return {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


def close(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("strict", [True, False])
def test_export(imported: nn.Module, x: Tensor, strict: bool) -> None:
    program = torch.export.export(imported.eval(), (x,), strict=strict)
    torch.testing.assert_close(program.module()(x), imported(x))
    other = torch.flip(x, (0,))
    torch.testing.assert_close(program.module()(other), imported(other))


def test_an_exported_program_of_a_step(imported: Any, x: Tensor) -> None:
    """Decoding: the state goes in and comes out as the dictionary that it is."""
    with torch.no_grad():
        _, state = imported(x[:, :5], return_state=True)

    class Step(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = imported

        def forward(self, x: Tensor, state: dict[str, Any]) -> Any:
            return self.inner.step(x, state)

    program = torch.export.export(Step(), (x[:, 5], state), strict=False)
    out, after = program.module()(x[:, 5], state)
    expected, later = imported.step(x[:, 5], state)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(after, later)


def test_compile_takes_all_of_it(module: nn.Module, x: Tensor) -> None:
    torch._dynamo.reset()
    whole: Any = torch.compile(module, backend="eager", fullgraph=True)
    torch.testing.assert_close(whole(x), module(x))


def test_copies_and_pickles(module: Any, x: Tensor) -> None:
    expected, grads = module(x), gradients(module, x)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(other(x), expected)
        close(gradients(other, x), grads)
        with torch.no_grad():
            next(other.parameters()).add_(1)
        assert torch.equal(module(x), expected)
        assert other.emitted_source == module.emitted_source
        assert other.report.grade == module.report.grade


def test_a_pickle_is_read_by_another_process(module: nn.Module, x: Tensor, tmp_path: Path) -> None:
    torch.save((module, x, module(x)), tmp_path / "module.pt")
    code = (
        "import torch; m, x, y = torch.load('module.pt', weights_only=False)\n"
        "assert torch.equal(m(x), y)\nprint(m.report.causal)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True\n"


def test_an_emitted_file_pickles_as_any_module(imported: nn.Module, x: Tensor) -> None:
    assert torch.equal(pickle.loads(pickle.dumps(imported))(x), imported(x))


def test_state_dict(name: str, module: nn.Module, x: Tensor) -> None:
    other = asiarch.compile(SPECS[name], sizes=SIZES, seed=1)
    assert not torch.equal(other(x), module(x))
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(x), module(x))
    with torch.device("meta"):
        empty = load_source(module.emitted_source, "P")  # pyright: ignore
    empty.load_state_dict(module.state_dict(), assign=True)
    assert torch.equal(empty(x), module(x))


def test_types_and_frozen_weights(module: nn.Module, x: Tensor) -> None:
    double = copy.deepcopy(module).to(torch.float64)
    result = double(x.double())
    assert result.dtype == torch.float64
    torch.testing.assert_close(result.float(), module(x), rtol=1e-4, atol=1e-5)
    frozen = copy.deepcopy(module).requires_grad_(False)
    assert not frozen(x).requires_grad
    entering = x.clone().requires_grad_()
    frozen(entering).sum().backward()
    assert entering.grad is not None
    assert all(p.grad is None for p in frozen.parameters())


@pytest.mark.filterwarnings("ignore:Mismatch dtype")  # torch's, of a norm in half precision
def test_autocast(module: nn.Module, x: Tensor) -> None:
    """Products in half precision, states and decays in float32, gradients in the weights' own."""
    expected, truth = module(x), gradients(module, x)
    module.zero_grad()
    with torch.autocast("cpu", torch.float16):
        low = module(x)
    low.float().square().mean().backward()
    assert (low.float() - expected).abs().max() < 0.02 * expected.abs().max()
    for name, p in module.named_parameters():
        assert p.grad is not None
        assert p.grad.dtype == torch.float32
        assert (p.grad - truth[name]).norm() < 0.05 * truth[name].norm() + 1e-4


def test_functional_call(module: nn.Module, x: Tensor) -> None:
    given = {name: 0.5 * p for name, p in parameters(module).items()}
    found = grad(lambda p: functional_call(module, p, (x,)).square().mean())(given)
    module.load_state_dict(given)
    close(found, gradients(module, x))


def test_a_copy_is_of_the_same_class(module: Any, x: Tensor) -> None:
    """Also where a method was replaced: what is tried on a copy is what was given."""
    type(module).forward = lambda self, x: x
    for other in (copy.copy(module), copy.deepcopy(module)):
        assert type(other) is type(module)
        assert torch.equal(other(x), x)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing(module: nn.Module, x: Tensor, reentrant: bool) -> None:
    expected = gradients(module, x)
    module.zero_grad()
    result: Any = checkpoint(module, x.clone().requires_grad_(), use_reentrant=reentrant)
    result.square().mean().backward()
    close({n: p.grad for n, p in module.named_parameters() if p.grad is not None}, expected)


def test_transforms_of_the_bare_form(name: str, module: nn.Module, x: Tensor) -> None:
    """Forward mode, vmap, gradients of each row. Fast forms have a backward pass and no more."""
    bare = load_source(asiarch.emit(SPECS[name], sizes=SIZES, bare=True), "P")
    given = parameters(module)

    def loss(p: dict[str, Tensor], row: Tensor) -> Tensor:
        return functional_call(bare, p, (row[None],)).square().mean()

    rows = vmap(grad(loss), (None, 0))(given, x)
    close({k: v.mean(0) for k, v in rows.items()}, gradients(module, x))
    direction = torch.ones_like(x)
    out, slope = jvp(lambda x: functional_call(bare, given, (x,)), (x,), (direction,))
    torch.testing.assert_close(out, module(x), rtol=1e-4, atol=1e-5)
    weights = torch.linspace(-1, 1, out.numel()).view_as(out)
    entering = x.clone().requires_grad_()
    (back,) = torch.autograd.grad((module(entering) * weights).sum(), entering)
    torch.testing.assert_close((slope * weights).sum(), back.sum(), rtol=1e-3, atol=1e-4)


def test_processes_that_share_a_batch(module: nn.Module, x: Tensor, tmp_path: Path) -> None:
    """DistributedDataParallel in two processes: the gradients of the whole batch."""
    (tmp_path / "emitted.py").write_text(module.emitted_source)  # pyright: ignore
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    torch.save(x, tmp_path / "x.pt")
    command, store = [sys.executable, "-c", DISTRIBUTED], str(tmp_path / "store")
    settings: Any = {"cwd": tmp_path, "env": os.environ | {"OMP_NUM_THREADS": "1"}}
    ranks = [
        subprocess.Popen([*command, str(n), store], stderr=subprocess.PIPE, text=True, **settings)
        for n in range(2)
    ]
    for process in ranks:
        _, shown = process.communicate(timeout=300)
        assert process.returncode == 0, shown
    close(torch.load(tmp_path / "grads.pt"), gradients(module, x))
