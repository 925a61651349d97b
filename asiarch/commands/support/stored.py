"""The model of a training run, made again from the program that is stored in its checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from asiarch.commands.support.bundle import unbundled
from asiarch.commands.support.errors import PROGRAM, CommandError


def trained(folder: Path) -> Any:
    """The compiled module with the weights of the checkpoint. Raises CheckpointError too."""
    from asiarch import interface
    from asiarch.train import load_checkpoint, restore_weights

    stored = load_checkpoint(folder)
    meta = stored.meta
    missing = [key for key in ("spec", "sizes") if key not in meta]
    if missing:
        raise CommandError(
            f"the checkpoint does not say what program it is of (no {' and no '.join(missing)}); "
            "it was not written by `asiarch train`",
            PROGRAM,
        )
    seed = meta.get("seed", 0)
    sizes: Any = meta["sizes"]
    if not isinstance(seed, int) or not isinstance(sizes, dict):
        raise CommandError(
            f"the checkpoint {folder} is damaged: its record has the seed {seed!r} and the sizes "
            f"{sizes!r}",
            PROGRAM,
        )
    with unbundled(meta["spec"], meta.get("files", {})) as filename:
        module = interface.compile(
            meta["spec"],
            meta.get("model"),
            cast("dict[str, int]", sizes),
            seed=seed,
            filename=filename,
        )
    restore_weights(module, stored.weights)
    return module
