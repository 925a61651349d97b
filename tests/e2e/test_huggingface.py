"""An exported folder in transformers: the same text as `asiarch sample`, where asiarch is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import asiarch
from asiarch import cli
from asiarch.commands.support.stored import trained
from asiarch.commands.support.terminal import harmless
from asiarch.export.huggingface import save
from asiarch.train import sample

pytest.importorskip("transformers")
# Of transformers itself.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

SPEC = """
use gated_delta_net.gated_delta_net
use attention.sliding
use channel.swiglu

model hybrid[D = 16, H = 2, L = 2, W = 4, vocab = 256] {
  x = embed[D](tokens)
  for layer in L {
    if layer % 2 == 1 { x = x + sliding[W = W](rmsnorm[D](x)) }
    else { x = x + gated_delta_net(rmsnorm[D](x)) }
    x = x + swiglu(rmsnorm[D](x))
  }
  return unembed[vocab](rmsnorm[D](x))
}
"""
ATTENDING = """
use gqa.gqa

model attending[D = 16, H = 2, L = 1, vocab = 260] {
  x = embed[D](tokens)
  for layer in L { x = x + gqa[G = 2](rmsnorm[D](x)) }
  return unembed[vocab](x)
}
"""
PROMPT = "def näive"
ELSEWHERE = """
import json, sys

class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "asiarch":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Gone())
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

folder, prompt = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
ids = tokenizer(prompt, return_tensors="pt")
greedy = model.generate(**ids, max_new_tokens=60, do_sample=False)[0]
set_seed(7)
drawn = model.generate(**ids, max_new_tokens=60)[0]
count = ids.input_ids.shape[1]
assert not any(name.split(".")[0] == "asiarch" for name in sys.modules)
print(json.dumps([greedy[count:].tolist(), drawn[count:].tolist()]))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("huggingface")
    (folder / "hybrid.asi").write_text(SPEC)
    (folder / "text").mkdir()
    for n in range(24):
        words = b"alpha beta gamma delta\none two three four\n" * 8
        (folder / "text" / f"{n}.txt").write_bytes(words[n:])
    arguments = ["--data", str(folder / "text"), "--batch", "4", "--time", "32", "--steps", "30"]
    run = str(folder / "run")
    assert cli.main(["train", str(folder / "hybrid.asi"), *arguments, "--out", run]) == 0
    assert cli.main(["export", run, "--hf", str(folder / "hf")]) == 0
    save(asiarch.compile(ATTENDING), folder / "attending")
    return folder


@pytest.fixture(scope="module")
def loaded(place: Path) -> Any:
    return load(place / "hf")


def load(folder: Path, **options: Any) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, **options)


def tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=True)


def test_the_same_text_where_asiarch_is_not(place: Path, tmp_path: Path) -> None:
    """A process without this package: token for token, greedily and from a seed."""
    settings = {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(place / "hf"), PROMPT],
        capture_output=True, text=True, cwd=tmp_path, env=os.environ | settings,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    module, prompt = trained(place / "run"), PROMPT.encode()
    greedy, drawn = json.loads(done.stdout)
    assert bytes(greedy) == sample(module, prompt, length=60, temperature=0)
    assert bytes(drawn) == sample(module, prompt, length=60, seed=7)
    assert bytes(drawn) != sample(module, prompt, length=60, seed=8)


def test_the_command_writes_the_same(
    place: Path, loaded: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import set_seed

    command = ["sample", str(place / "run"), "--prompt", PROMPT, "--tokens", "40", "--seed", "3"]
    assert cli.main(command) == 0
    text = tokenizer(place / "hf")
    set_seed(3)
    ids = loaded.generate(**text(PROMPT, return_tensors="pt"), max_new_tokens=40)[0]
    assert capsys.readouterr().out == harmless(text.decode(ids)) + "\n"


@pytest.mark.parametrize("name", ["hf", "attending"])
@pytest.mark.parametrize("beams", [1, 3])
def test_the_state_is_a_cache(name: str, beams: int, place: Path) -> None:
    model = load(place / name, dtype=torch.float64)
    ids = torch.tensor([[100, 101, 102], [9, 8, 7]])
    settings = {"max_new_tokens": 12, "do_sample": False, "num_beams": beams}
    carried = model.generate(ids, **settings)
    assert torch.equal(carried, model.generate(ids, use_cache=False, **settings))
    assert carried.shape == (2, 15)


@pytest.mark.parametrize("name", ["hf", "attending"])
def test_padded_rows_are_read_as_if_alone(name: str, place: Path) -> None:
    model, text = load(place / name, dtype=torch.float64), tokenizer(place / name)
    prompts = ["hello wörld", "x", "abc\0def"]
    settings = {"max_new_tokens": 10, "do_sample": False}
    rows = model.generate(**text(prompts, return_tensors="pt", padding=True), **settings)
    for prompt, row in zip(prompts, rows, strict=True):
        alone = model.generate(**text(prompt, return_tensors="pt"), **settings)[0]
        assert torch.equal(row[-10:], alone[-10:])


def test_padding_on_either_side_leaves_logits_and_loss(loaded: Any) -> None:
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    alone = loaded(ids, labels=ids)
    for left, right in ((3, 0), (0, 3), (2, 1)):
        padded = torch.nn.functional.pad(ids, (left, right))
        mask = torch.nn.functional.pad(torch.ones_like(ids), (left, right))
        labels = torch.nn.functional.pad(ids, (left, right), value=-100)
        row = torch.arange(1, 9)[None]
        found = loaded(torch.cat([padded, row]), torch.cat([mask, torch.ones_like(row)]))
        torch.testing.assert_close(found.logits[:1, left : left + 5], alone.logits)
        masked = loaded(padded, attention_mask=mask, labels=labels)
        if left == 0:  # behind padding the first token is one more that is predicted
            torch.testing.assert_close(masked.loss, alone.loss)
        assert masked.loss.isfinite()


def test_the_loss_is_that_of_the_next_token(loaded: Any, place: Path) -> None:
    ids = torch.randint(256, (2, 9))
    expected = torch.nn.functional.cross_entropy(
        trained(place / "run")(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten()
    )
    torch.testing.assert_close(loaded(ids, labels=ids).loss, expected)


def test_a_cache_goes_on_and_stays_what_it_was(loaded: Any) -> None:
    ids = torch.randint(256, (2, 11))
    first = loaded(ids[:, :7])
    for _ in range(2):
        rest = loaded(ids[:, 7:], past_key_values=first.past_key_values)
        whole = loaded(ids).logits[:, 7:]
        torch.testing.assert_close(rest.logits, whole, rtol=1e-5, atol=1e-5)
    assert rest.past_key_values.get_seq_length() == 11
    assert loaded(ids, use_cache=False).past_key_values is None
    with pytest.raises(ValueError, match=r"cropped.*greedily"):
        rest.past_key_values.crop(3)


def test_a_prompt_that_was_read_is_not_read_again(loaded: Any) -> None:
    ids = torch.randint(256, (1, 8))
    before = loaded(ids[:, :5]).past_key_values
    settings = {"max_new_tokens": 6, "do_sample": False}
    kept = loaded.generate(ids, past_key_values=before, **settings)
    assert torch.equal(kept, loaded.generate(ids, **settings))


def test_it_saves_and_loads_again(place: Path, loaded: Any, tmp_path: Path) -> None:
    loaded.save_pretrained(tmp_path / "again")
    tokenizer(place / "hf").save_pretrained(tmp_path / "again")
    again = load(tmp_path / "again")
    ids = tokenizer(tmp_path / "again")("hello", return_tensors="pt")
    assert torch.equal(again(**ids).logits, loaded(**ids).logits)
    settings = {"max_new_tokens": 8, "do_sample": False}
    assert torch.equal(again.generate(**ids, **settings), loaded.generate(**ids, **settings))
    assert (tmp_path / "again" / "network.py").read_text() == (
        place / "hf" / "network.py"
    ).read_text()


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "auto"])
def test_weights_come_in_the_type_that_is_asked_for(dtype: str, place: Path) -> None:
    model = load(place / "hf", dtype=dtype)
    assert {str(p.dtype) for p in model.parameters()} == {
        "torch." + ("float32" if dtype == "auto" else dtype)
    }


def test_hidden_states_are_what_layers_pass_on(loaded: Any) -> None:
    ids = torch.randint(256, (2, 6))
    mask = torch.tensor([[1] * 6, [0, 0, 1, 1, 1, 1]])
    states = loaded(ids, mask, output_hidden_states=True).hidden_states
    assert [tuple(s.shape) for s in states] == [(2, 6, 16)] * 3
    torch.testing.assert_close(states[0][0], loaded.network.x.embed(ids[:1])[0])
    assert not states[1][1, :2].any()
    assert loaded(ids).hidden_states is None


def test_what_cannot_be_given_is_said(loaded: Any) -> None:
    ids = torch.randint(256, (2, 6))
    with pytest.raises(ValueError, match="no attention matrices"):
        loaded(ids, output_attentions=True)
    with pytest.raises(ValueError, match="input_ids"):
        loaded(inputs_embeds=torch.zeros(1, 2, 16))
    with pytest.raises(ValueError, match="attention_mask must be"):
        loaded(ids, torch.ones(2, 1, 6, 6))
    with pytest.raises(TypeError, match="what this model returned"):
        loaded(ids, past_key_values=(1, 2))


def test_a_checkpoint_that_lacks_weights_is_filled_up(place: Path, tmp_path: Path) -> None:
    """What is missing is drawn, what is there stays; both are reported by transformers."""
    from shutil import copytree

    from safetensors.torch import load_file, save_file

    copytree(place / "hf", tmp_path / "hf")
    path = tmp_path / "hf" / "model.safetensors"
    weights = load_file(path)
    gone = "network.layers.0.x_3.gated_delta_net.log_rate"
    del weights[gone]
    save_file(weights, path, metadata={"format": "pt"})
    found = load(tmp_path / "hf").state_dict()
    assert 0 <= float(found[gone].min()) <= float(found[gone].max()) <= 2.8  # log of 1 to 16
    assert all(torch.equal(found[name], value) for name, value in weights.items())


def test_the_tokenizer_keeps_every_byte(place: Path) -> None:
    text = tokenizer(place / "hf")
    for written in ("", " a  b\n", "naïve ✓", "\0 \0", "<s></s>"):
        assert bytes(text(written).input_ids) == written.encode()
        assert text.decode(text(written).input_ids) == written
    assert text.decode([255, 65]) == "\ufffdA"
    assert len(text) == text.vocab_size == 256


def test_what_is_no_byte_is_never_written(place: Path) -> None:
    model = load(place / "attending")
    with torch.no_grad():
        model.network.out.unembed.out.linear[:, 256:] *= 1000
    for sampled in (True, False):
        ids = model.generate(torch.tensor([[65]]), max_new_tokens=30, do_sample=sampled)
        assert int(ids.max()) < 256
