"""Executors run jobs and know no store; a worker stands between the two."""

from asiarch.search.executor.background import Background
from asiarch.search.executor.local import LocalProcesses
from asiarch.search.executor.protocol import Batch, Executor, ExecutorError, Kind, Limits, Report
from asiarch.search.executor.worker import Worker

__all__ = [
    "Background",
    "Batch",
    "Executor",
    "ExecutorError",
    "Kind",
    "Limits",
    "LocalProcesses",
    "Report",
    "Worker",
]
