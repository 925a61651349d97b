"""Budgets: what is to be spent is reserved first, so that no cap is overshot.

At any moment, for every run and resource, spent + reserved <= cap. A cap that is absent counts
only. What was measured beyond a reservation, and cannot be reserved any more, is written down as
an overrun beside the charge and not hidden: it bounds by how much a limit was enforced late.
A subject (a job, a request to a model) is charged once for each attempt.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from asiarch.search.store.connection import Connection
from asiarch.search.store.errors import BudgetExhausted, Conflict
from asiarch.search.store.events import Events

RESOURCES = (
    "candidates",
    "cpu_seconds",
    "gpu_seconds",
    "wall_seconds",
    "tokens",
    "dollars",
    "flops",
)


@dataclass(frozen=True, slots=True)
class Budget:
    """One resource of a run: `left` is what can still be reserved (none: no cap)."""

    resource: str
    cap: float | None
    spent: float
    reserved: float
    overrun: float

    @property
    def left(self) -> float | None:
        return None if self.cap is None else max(0.0, self.cap - self.spent - self.reserved)


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets of a store's runs."""

    db: Connection
    events: Events

    def cap(self, run: str, resource: str, amount: float | None) -> None:
        """Sets a cap, or moves it.

        Raises Conflict when more than that is spent or promised already.
        """
        _known(resource)
        with self.db.transaction():
            self._open(run, resource)
            budget = self.of(run)[resource]
            if amount is not None and amount < budget.spent + budget.reserved:
                raise Conflict(
                    f"run {run!r} has spent {budget.spent:g} {resource} and promised"
                    f" {budget.reserved:g}: its cap cannot be {amount:g}. Go on with"
                    f" {math.ceil(budget.spent + budget.reserved)} or more, or begin another run"
                )
            if amount != budget.cap:
                self.db.write(
                    "UPDATE budgets SET cap = ? WHERE run = ? AND resource = ?",
                    (amount, run, resource),
                )
                self.events.add("capped", resource, {"cap": amount}, run=run)

    def of(self, run: str) -> dict[str, Budget]:
        """A run's budgets by resource."""
        rows = self.db.rows(
            "SELECT resource, cap, spent, reserved, overrun FROM budget_states WHERE run = ?",
            (run,),
        )
        return {row[0]: Budget(*row) for row in rows}

    def reserve(self, run: str, subject: str, amounts: Mapping[str, float]) -> None:
        """Brings a subject's reservations up to `amounts`; the same call twice is one.

        Raises BudgetExhausted, and reserves nothing, when one of them does not fit.
        """
        with self.db.transaction():
            more = {
                resource: amount - self._reserved(run, resource, subject)
                for resource, amount in amounts.items()
            }
            for resource, amount in more.items():
                _known(resource)
                self._open(run, resource)
                left = self.left(run, resource)
                if amount > left:
                    raise BudgetExhausted(
                        f"run {run!r} has {left:g} {resource} left to reserve, and {subject[:24]}"
                        f" needs {amount:g}: raise the cap, or wait for what runs to be settled"
                    )
            for resource, amount in more.items():
                if amount > 0:
                    self.db.write(
                        "INSERT INTO reservations (run, resource, subject, amount)"
                        " VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + ?",
                        (run, resource, subject, amount, amount),
                    )

    def settle(
        self, run: str, attempt: str, amounts: Mapping[str, Mapping[str, float]]
    ) -> dict[str, float]:
        """Ends the reservations of subjects and charges what they used: subject to resource.

        A subject that was charged for this attempt before is charged nothing. Returns what was
        charged in all, by resource.
        """
        charged: dict[str, float] = {}
        with self.db.transaction():
            for subject in amounts:
                self.db.write(
                    "DELETE FROM reservations WHERE run = ? AND subject = ?", (run, subject)
                )
            for subject, used in amounts.items():
                for resource, amount in used.items():
                    _known(resource)
                    charge = self._charge(run, attempt, subject, resource, amount)
                    charged[resource] = charged.get(resource, 0.0) + charge
        return charged

    def left(self, run: str, resource: str) -> float:
        """What can still be reserved of a resource; infinite without a cap."""
        row = self.db.row(
            "SELECT cap, spent, reserved FROM budget_states WHERE run = ? AND resource = ?",
            (run, resource),
        )
        if row is None or row[0] is None:
            return math.inf
        return max(0.0, row[0] - row[1] - row[2])

    def reserved(self, run: str, subjects: Iterable[str]) -> dict[str, float]:
        """What is reserved for subjects together, by resource."""
        total: dict[str, float] = {}
        for subject in subjects:
            rows = self.db.rows(
                "SELECT resource, amount FROM reservations WHERE subject = ? AND run = ?",
                (subject, run),
            )
            for resource, amount in rows:
                total[resource] = total.get(resource, 0.0) + amount
        return total

    def charged(self, run: str, subjects: Iterable[str]) -> int:
        """How many of those subjects were charged for something."""
        row = self.db.row(
            "SELECT count(DISTINCT subject) FROM charges WHERE run = ?"
            " AND subject IN (SELECT value FROM json_each(?))",
            (run, json.dumps(list(subjects))),
        )
        return int(row[0]) if row else 0

    def _charge(self, run: str, attempt: str, subject: str, resource: str, amount: float) -> float:
        self._open(run, resource)
        charge = min(amount, self.left(run, resource))
        new = self.db.write(
            "INSERT INTO charges (subject, attempt, resource, run, amount, overrun, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (subject, attempt, resource, run, charge, amount - charge, self.events.clock()),
        )
        if not new:
            return 0.0
        self.db.write(
            "UPDATE budgets SET spent = spent + ? WHERE run = ? AND resource = ?",
            (charge, run, resource),
        )
        if charge < amount:
            over = {"resource": resource, "overrun": amount - charge, "attempt": attempt}
            self.events.add("overrun", subject, over, run=run)
        return charge

    def _open(self, run: str, resource: str) -> None:
        self.db.write(
            "INSERT INTO budgets (run, resource) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (run, resource),
        )

    def _reserved(self, run: str, resource: str, subject: str) -> float:
        row = self.db.row(
            "SELECT amount FROM reservations WHERE run = ? AND resource = ? AND subject = ?",
            (run, resource, subject),
        )
        return row[0] if row else 0.0


def _known(resource: str) -> None:
    if resource not in RESOURCES:
        raise ValueError(f"{resource!r} is no budget: {', '.join(RESOURCES)} are")
