"""A compiled language model as a folder that `AutoModelForCausalLM.from_pretrained` reads.

The folder holds the emitted module as it is, a wrapper for transformers, a byte tokenizer, the
weights and the program. Nothing in it imports asiarch; writing it needs no transformers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save as save_tensors
from torch import nn

from asiarch.train.checkpoint import tensors
from asiarch.train.data import VOCABULARY
from asiarch.train.evaluate import check_model, parameter_count

FILES = ("configuration_asiarch", "modeling_asiarch", "states_asiarch", "tokenization_asiarch")
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_p": 0.95, "top_k": 0}
CARD = """---
library_name: transformers
pipeline_tag: text-generation
---

# {name}

{parameters:,} parameters, {sizes}. Tokens are bytes. `network.py` is the whole network. It was
compiled from

```
{program}
```

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
ids = tokenizer("def ", return_tensors="pt")
print(tokenizer.decode(model.generate(**ids, max_new_tokens=200)[0]))
```
"""


class ExportError(Exception):
    """What cannot be exported, or not to there."""


def save(module: nn.Module, folder: str | Path) -> Path:
    """Writes the folder of a compiled model of bytes, in the type of its weights.

    Raises ExportError for a folder that holds something else, ModelError for a module that does
    not read bytes.
    """
    check_model(module)
    folder = Path(folder)
    _mine(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {f"network.{k}": v.cpu().contiguous() for k, v in tensors(module).items()}
    content = save_tensors(weights, metadata={"format": "pt"})
    (folder / "model.safetensors").write_bytes(content)
    texts = {
        "network.py": cast("Any", module).emitted_source,
        **{f"{name}.py": _wrapper(name, type(module).__name__) for name in FILES},
        "config.json": _json(_config(module)),
        "generation_config.json": _json(_generation(vocabulary_of(module))),
        "tokenizer_config.json": _json(_tokenizer()),
        "README.md": _card(module),
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode("utf-8"))
    return folder


def vocabulary_of(module: nn.Module) -> int:
    """How many logits a token has."""
    with torch.no_grad():
        device = next(module.parameters()).device
        return module(torch.zeros(1, 1, dtype=torch.long, device=device)).shape[-1]


def _mine(folder: Path) -> None:
    """Nothing is written into a folder that holds what is no export."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ExportError(f"{folder} is no folder")
    if any(folder.iterdir()) and not (folder / "modeling_asiarch.py").is_file():
        raise ExportError(f"{folder} holds other files; export into a new folder")


def _wrapper(name: str, network: str) -> str:
    """A file of the wrapper, with the network under its own name."""
    text = (resources.files("asiarch.export.folder") / f"{name}.py").read_text("utf-8")
    own = f"from .network import {network} as Network"
    return re.sub(r"^from \.network import Network$", own, text, flags=re.M)


def _config(module: nn.Module) -> dict[str, Any]:
    made = cast("Any", module)
    dtype = next(module.parameters()).dtype
    return {
        "architectures": ["AsiarchForCausalLM"],
        "auto_map": {
            "AutoConfig": "configuration_asiarch.AsiarchConfig",
            "AutoModelForCausalLM": "modeling_asiarch.AsiarchForCausalLM",
        },
        "model_type": "asiarch",
        "program": made.spec["text"],
        "definition": made.spec["op"],
        "sizes": made.spec["sizes"],
        "vocab_size": vocabulary_of(module),
        "dtype": str(dtype).removeprefix("torch."),
        "tie_word_embeddings": False,
        "use_cache": True,
    }


def _generation(vocabulary: int) -> dict[str, Any]:
    """The settings of `asiarch sample`; numbers that are no bytes are never drawn."""
    beyond = list(range(VOCABULARY, vocabulary))
    return {**SAMPLING, **({"suppress_tokens": beyond} if beyond else {})}


def _tokenizer() -> dict[str, Any]:
    return {
        "auto_map": {"AutoTokenizer": ["tokenization_asiarch.ByteTokenizer", None]},
        "tokenizer_class": "ByteTokenizer",
        "clean_up_tokenization_spaces": False,
        "padding_side": "left",
        "pad_token": "\0",
    }


def _card(module: nn.Module) -> str:
    spec = cast("Any", module).spec
    return CARD.format(
        name=spec["op"],
        parameters=parameter_count(module),
        sizes=", ".join(f"{name} = {value}" for name, value in spec["sizes"].items()),
        program=spec["text"].strip(),
    )


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
