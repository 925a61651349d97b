"""Training on real text: a module becomes a number. The first part of the package to load torch."""

from asiarch.train.checkpoint import Checkpoint
from asiarch.train.checkpoint import load as load_checkpoint
from asiarch.train.checkpoint import restore as restore_weights
from asiarch.train.data import Corpus
from asiarch.train.data import load as load_corpus
from asiarch.train.errors import (
    CheckpointError,
    CompilerError,
    DataError,
    DivergedError,
    ModelError,
    TrainError,
)
from asiarch.train.progress import Progress
from asiarch.train.progress import choose as choose_progress
from asiarch.train.sample import sample
from asiarch.train.trainer import Result, train

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "CompilerError",
    "Corpus",
    "DataError",
    "DivergedError",
    "ModelError",
    "Progress",
    "Result",
    "TrainError",
    "choose_progress",
    "load_checkpoint",
    "load_corpus",
    "restore_weights",
    "sample",
    "train",
]
