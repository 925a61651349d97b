"""What a law says of a subject: a verdict with a witness, and a report of verdicts.

Knows no law and no tensor.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["ok", "failed", "not applicable"]


@dataclass(frozen=True, slots=True)
class Witness:
    """One observation that refutes a law. Tokens and rows count from 0; None: of no matter.

    where: the module and the line in which it is first seen, if that is known. output: which of
    the module's, None for any. in_state: seen in what a module keeps for later tokens.
    """

    text: str
    changed_token: int | None = None
    affected_token: int | None = None
    batch_row: int | None = None
    difference: float | None = None
    where: str | None = None
    output: int | None = None
    in_state: bool = False

    def __str__(self) -> str:
        return f"{self.text}; {self.where}" if self.where else self.text


@dataclass(frozen=True, slots=True)
class Verdict:
    """law: its name. detail: what was measured, or why the law does not apply.

    ratio: the worst error in units of the tolerance, where the law tolerates any.
    """

    law: str
    status: Status
    detail: str
    ratio: float | None = None
    witness: Witness | None = None

    @property
    def ok(self) -> bool:
        """Whether the law was tried and holds."""
        return self.status == "ok"

    def __str__(self) -> str:
        said = self.detail if self.witness is None else str(self.witness)
        ratio = "" if self.ratio is None else f" ({self.ratio:.2g} of the tolerance)"
        return f"{self.status:>14}  {self.law}: {said}{ratio}"


def holds(law: str, detail: str, ratio: float | None = None) -> Verdict:
    """The law was tried and nothing against it was seen."""
    return Verdict(law, "ok", detail, ratio)


def fails(
    law: str, witness: Witness | str, detail: str = "", ratio: float | None = None
) -> Verdict:
    """The law is refuted."""
    witness = Witness(witness) if isinstance(witness, str) else witness
    return Verdict(law, "failed", detail or witness.text, ratio, witness)


def not_applicable(law: str, reason: str) -> Verdict:
    """The subject has not what the law speaks of; never a pass."""
    return Verdict(law, "not applicable", reason)


@dataclass(frozen=True, slots=True)
class Report:
    """The verdicts of all laws on one subject, in the order in which they were tried.

    called: how the subject was called, where it is a stranger's.
    """

    subject: str
    verdicts: tuple[Verdict, ...]
    called: str = ""

    @property
    def ok(self) -> bool:
        """No law failed and at least one was tried."""
        return not self.failures and any(v.ok for v in self.verdicts)

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """The refuted laws."""
        return tuple(v for v in self.verdicts if v.status == "failed")

    def __getitem__(self, law: str) -> Verdict:
        for verdict in self.verdicts:
            if verdict.law == law:
                return verdict
        raise KeyError(law)

    def __str__(self) -> str:
        return "\n".join([self.subject, *(str(v) for v in self.verdicts)])

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        verdicts = [asdict(v) for v in self.verdicts]
        return {
            "subject": self.subject,
            "called": self.called,
            "ok": self.ok,
            "verdicts": verdicts,
        }
