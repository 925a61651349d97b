"""Bytes as tokens: the ids of a text are its UTF-8 bytes."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedTokenizer


class ByteTokenizer(PreTrainedTokenizer):
    """256 tokens. No text begins or ends with a special one; byte 0 fills up shorter rows.

    Bytes that are no UTF-8 decode to the replacement sign.
    """

    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(self, pad_token: str = "\0", padding_side: str = "left", **options: Any) -> None:
        super().__init__(pad_token=pad_token, padding_side=padding_side, **options)

    @property
    def vocab_size(self) -> int:
        """Bytes."""
        return 256

    def get_vocab(self) -> dict[str, int]:
        """A token is written as the character of its number."""
        return {chr(byte): byte for byte in range(256)}

    def tokenize(self, text: str, **options: Any) -> list[str]:
        """No special token is looked for within a text."""
        return self._tokenize(text)

    def _tokenize(self, text: str, **options: Any) -> list[str]:
        return [chr(byte) for byte in text.encode("utf-8", "surrogateescape")]

    def _convert_token_to_id(self, token: str) -> int:
        return ord(token)

    def _convert_id_to_token(self, index: int) -> str:
        return chr(index)

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of tokens."""
        return bytes(map(ord, tokens)).decode("utf-8", "replace")

    def save_vocabulary(
        self, save_directory: str, filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """There is nothing to save."""
        return ()
