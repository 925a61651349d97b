"""The errors that training can raise, each saying what to do about it."""

from __future__ import annotations


class TrainError(Exception):
    """Base of every error that training raises for wrong data, a wrong model or a lost run."""


class DataError(TrainError):
    """The text is missing, unreadable or too short."""


class ModelError(TrainError):
    """The module does not map ids `[batch, time]` to logits `[batch, time, >= 256]`."""


class CheckpointError(TrainError):
    """A checkpoint is missing, damaged, or of another model or run."""


class CompilerError(TrainError):
    """torch.compile failed."""


class DivergedError(TrainError):
    """The loss or a gradient stopped being finite."""
