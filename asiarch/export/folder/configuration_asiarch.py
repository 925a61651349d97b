"""Which program the model is of. Its sizes are in the text of the network; here they inform."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig


class AsiarchConfig(PretrainedConfig):
    """program: the text that was compiled. definition: the model's name in it. sizes: by name."""

    model_type = "asiarch"

    def __init__(
        self,
        program: str = "",
        definition: str = "",
        sizes: dict[str, int] | None = None,
        vocab_size: int = 256,
        use_cache: bool = True,
        **options: Any,
    ) -> None:
        self.program = program
        self.definition = definition
        self.sizes = sizes or {}
        self.vocab_size = vocab_size
        self.use_cache = use_cache
        super().__init__(**{"tie_word_embeddings": False, **options})
