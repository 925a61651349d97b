"""Tasks that tell architectures apart, and what trains a mixer on them.

results = train([Run(text, "delta_mixer", "update.small", seed=n) for n in range(3)])
"""

from asiarch.train.tasks.base import IGNORED, Batch, Task
from asiarch.train.tasks.host import HOSTS, Hosted, HostError, network
from asiarch.train.tasks.match import Unmatched, matched, parameter_count
from asiarch.train.tasks.registry import TASKS
from asiarch.train.tasks.run import Result, Run
from asiarch.train.tasks.train import train

__all__ = [
    "HOSTS",
    "IGNORED",
    "TASKS",
    "Batch",
    "HostError",
    "Hosted",
    "Result",
    "Run",
    "Task",
    "Unmatched",
    "matched",
    "network",
    "parameter_count",
    "train",
]
