"""`asiarch export --hf`: what the folder holds, and what is refused. Needs no transformers."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import asiarch
from asiarch import cli
from asiarch.export.huggingface import ExportError, save
from asiarch.train import ModelError

SPEC = """model small[D = 8, H = 2, L = 2, vocab = 256] {
  x = embed[D](tokens)
  for layer in L { x = x + silu(conv[3](rmsnorm[D](x))) }
  return unembed[vocab](x)
}
"""
ALLOWED = {"__future__", "collections", "contextlib", "functools", "itertools", "typing", "torch",
           "transformers"}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    (folder / "small.asi").write_text(SPEC)
    return folder


def imported(source: str) -> set[str]:
    """The packages that a text imports; its neighbours in the folder are not among them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_a_program_becomes_a_folder(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = place / "out"
    assert cli.main(["export", str(place / "small.asi"), "--hf", str(out), "-D", "D=16"]) == 0
    assert capsys.readouterr().out == f"small: {out}\n"
    module = asiarch.compile(SPEC, sizes={"D": 16})
    assert (out / "network.py").read_text() == module.emitted_source
    weights = load_file(out / "model.safetensors")
    assert {f"network.{name}" for name in module.state_dict()} == set(weights)
    assert all(torch.equal(v, weights[f"network.{k}"]) for k, v in module.state_dict().items())
    config = json.loads((out / "config.json").read_text())
    assert config["sizes"] == {"D": 16, "H": 2, "L": 2, "vocab": 256}
    assert config["program"] == SPEC
    assert SPEC.strip() in (out / "README.md").read_text()


def test_nothing_in_the_folder_imports_this_package(place: Path) -> None:
    save(asiarch.compile(SPEC), place / "imports")
    sources = [path.read_text() for path in (place / "imports").glob("*.py")]
    assert len(sources) == 5
    assert set[str]().union(*map(imported, sources)) <= ALLOWED
    assert not imported("import asiarch.laws") <= ALLOWED


def test_a_second_export_replaces_the_first(place: Path) -> None:
    first, second = asiarch.compile(SPEC, seed=1), asiarch.compile(SPEC, seed=2)
    save(first, place / "twice")
    before = (place / "twice" / "model.safetensors").read_bytes()
    save(second, place / "twice")
    assert before != (place / "twice" / "model.safetensors").read_bytes()


def test_a_folder_of_something_else_is_left_alone(place: Path) -> None:
    (place / "other").mkdir()
    (place / "other" / "config.json").write_text("mine")
    with pytest.raises(ExportError, match="new folder"):
        save(asiarch.compile(SPEC), place / "other")
    assert (place / "other" / "config.json").read_text() == "mine"
    assert cli.main(["export", str(place / "small.asi"), "--hf", str(place / "other")]) == 2


def test_a_model_of_less_than_bytes_is_refused(place: Path) -> None:
    module = asiarch.compile(SPEC, sizes={"vocab": 16})
    with pytest.raises(ModelError, match="vocab=256"):
        save(module, place / "none")
    assert not (place / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere"], "no checkpoint at nowhere"),
        (["nowhere.asi"], "no such file"),
        (["run", "-D", "D=2", "--seed", "3"], "-D and --seed: a run has its own"),
    ],
)
def test_wrong_calls_are_explained(
    arguments: list[str], expected: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["export", *arguments, "--hf", str(place / "none")]) in (1, 2)
    assert expected in capsys.readouterr().err


def test_numbers_beyond_bytes_are_never_drawn(place: Path) -> None:
    save(asiarch.compile(SPEC, sizes={"vocab": 259}), place / "wide")
    settings = json.loads((place / "wide" / "generation_config.json").read_text())
    assert settings["suppress_tokens"] == [256, 257, 258]
