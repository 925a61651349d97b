"""A spec becomes a torch module, and the emitted file runs where this package is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

import asiarch

SPEC = """op decayed[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H]) -> Seq[H, V]
  where causal
{
  state S[H, K, V]
  S = a * S[t-1] + k * v
  return q @ S
}
"""


def test_a_compiled_module_runs() -> None:
    module = asiarch.compile(SPEC, sizes={"H": 2, "K": 4, "V": 3})
    q, k, v = torch.randn(2, 5, 2, 4), torch.randn(2, 5, 2, 4), torch.randn(2, 5, 2, 3)
    a = torch.rand(2, 5, 2)
    state, rows = torch.zeros(2, 2, 4, 3), []
    for t in range(5):
        state = a[:, t, :, None, None] * state + k[:, t, :, :, None] * v[:, t, :, None, :]
        rows.append(torch.einsum("bhk,bhkv->bhv", q[:, t], state))
    torch.testing.assert_close(module(q, k, v, a), torch.stack(rows, 1), rtol=1e-5, atol=1e-5)


def test_an_emitted_file_imports_torch_only(tmp_path: Path) -> None:
    source = asiarch.emit(SPEC, sizes={"H": 2, "K": 4, "V": 3})
    (tmp_path / "emitted.py").write_text(source)
    code = "import sys, emitted\nprint('asiarch' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "True"], done.stderr
