"""Tasks that tell architectures apart, and what trains a mixer on them."""

from asiarch.train.tasks.base import IGNORED, Batch, Task
from asiarch.train.tasks.registry import TASKS

__all__ = ["IGNORED", "TASKS", "Batch", "Task"]
