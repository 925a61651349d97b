"""The search: a program over memoised jobs.

It is a function of the protocol, the master seed, the run's name, the arm and the number of
candidates: rounds of a fixed size are decided from what was known when the round began, and every
number comes from a job. So it does not matter how many workers run the jobs, and to go on after a
crash is to run the program again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asiarch.search.archive import Bandit, Draw, fill, improvement, snapshot
from asiarch.search.engineer import (
    Design,
    Engineer,
    Raced,
    Yardstick,
    audited,
    further,
    measure_panel,
    race,
)
from asiarch.search.engineer.design import SIZES
from asiarch.search.lab import Lab, OutOfBudget
from asiarch.search.loop import plan as plans
from asiarch.search.loop.arms import Asked
from asiarch.search.loop.finish import Finish
from asiarch.search.loop.history import History, Member
from asiarch.search.loop.panel import Known, known, panel, sources
from asiarch.search.loop.record import ACCEPTED, PANEL, Noted, Record, facts_of
from asiarch.search.loop.result import Found, Settings
from asiarch.search.loop.screening import Fresh, Screening, Sifted
from asiarch.search.loop.watch import Leader, Silent, Standing, Watch
from asiarch.search.protocol import Tier
from asiarch.search.researcher import Workshop
from asiarch.search.screen import Screen
from asiarch.search.stats.race import seeds_due

ROUND = 6
"""Slots of a round: enough runs to keep a machine busy, few enough to learn from the last ones."""
BARREN = 20
"""Rounds without anything new after which there is nothing to be found here."""
SURPRISING = 4.0
"""Sds of a task's paired difference that an effect's interval lies above when it is audited."""
MOST_WORK = 4.0
"""FLOPs per token of a candidate over the bar's, at most."""
MOST_EFFORT = 4.0
"""What a candidate may take in training over the bar, at most (`engineer.effort`)."""
MOST_SEEDS = 16
"""Of a parent, however often it is one."""
PROPOSING = 0.02
"""What a proposal costs the bandit beside its training, in the bar's training on the first look."""


class Search:
    """One run; `result()` runs it to its end."""

    def __init__(
        self, settings: Settings, lab: Lab, record: Record, watch: Watch | None = None
    ) -> None:
        self.settings = settings
        self.lab, self.record = lab, record
        self.watch: Watch = watch or Silent()
        protocol = settings.protocol
        self.tier: Tier = protocol.tiers[0]
        if strange := [t for t in protocol.claim_tasks if t not in self.tier.tasks]:
            raise ValueError(
                f"{', '.join(strange)} of claim_tasks is not among the tasks of the first tier,"
                " whose panel says what an sd of each is: put it there"
            )
        self.engineer = Engineer(
            lab, protocol, settings.master, settings.run, shared=f"protocol {protocol.hash}"
        )
        self.workshop = Workshop()
        self.screen = Screen(
            sizes=SIZES, checker=self.workshop.checker, identifier=self.workshop.identifier
        )
        self.found = Found(settings)

    def result(self) -> Found:
        """Runs until the candidates or the lab's budget are used up, then judges what was promoted.

        Raises LabError, and ValueError for a panel that cannot be measured.
        """
        try:
            self._begin()
            self._rounds()
        except OutOfBudget as out:
            self.found.ended = str(out)
        try:
            self._finish()
        except OutOfBudget as out:
            self.found.ended = f"{self.found.ended}; nothing was confirmed: {out}"
        self.tell("done")
        return self.found

    def _finish(self) -> None:
        found = self.found
        if found.history is None or found.yardstick is None:
            return
        finish = Finish(
            self.engineer, self.record, self.watch, self.tell, found.yardstick, found.later,
            found.verdicts,
        )  # fmt: skip
        # A shortlist that was frozen before may name what has failed since.
        designs = [m.design for m in found.history.found()]
        finish.run(found.promoted, [*designs, *(r.design for r in found.history.failed)])

    # ---- the panel -----------------------------------------------------------------------------

    def _begin(self) -> None:
        self.tell("panel")
        designs = panel(self.settings.protocol.panel, self.workshop)
        looked = {d.id: known(d, self.workshop, self.screen.bounds) for d in designs}
        with self.record.together():
            for number, design in enumerate(designs):
                self.record.candidate(design, facts_of(looked[design.id].niche, {}))
                self.record.proposed(
                    Noted(number, PANEL, design.text, design.op, ACCEPTED, design.id,
                          label=design.name)
                )  # fmt: skip
                self.screen.seen[design.id] = design.name
        self._plan(designs[0])
        # The bar keeps what a candidate must keep; what does not, as softmax, is the ceiling.
        able = {id for id, d in looked.items() if not d.refused}
        yardstick = measure_panel(self.engineer, designs, self.tier, among=able)
        self.found.yardstick = yardstick
        self.record.event("bar", yardstick.bar.id, {"name": yardstick.bar.name})
        for name, why in yardstick.left_out:
            self.watch.note(f"left out of the panel: {name}: {why}")
        self.watch.note(
            f"the bar is {yardstick.bar.name}; the sd of a paired difference is "
            + ", ".join(f"{s:.3g} on {task}" for task, s in yardstick.sigma.items())
        )
        self._ceiling(yardstick, able)
        self.found.history = self._first(yardstick, designs, looked)

    def _ceiling(self, yardstick: Yardstick, able: set[str]) -> None:
        """Says how far above the bar the best of those is that may not be it."""
        above = [d for d in yardstick.panel if d.id not in able]
        if above:
            effects = yardstick.effects(yardstick.scores, [d.id for d in above]).mean(1)
            best = int(effects.argmax())
            self.watch.note(
                f"the ceiling is {above[best].name}, which is beyond the bounds of a candidate:"
                f" {effects[best]:+.2f} sd to the bar"
            )

    def _plan(self, first: Design) -> None:
        """Measures the first job, then says what the budget buys."""
        tier, protocol = self.tier, self.settings.protocol
        tasks = {t for each in protocol.tiers for t in each.tasks} | set(protocol.claim_tasks)
        self.engineer.calibrate(first, sorted(tasks))
        seeds = range(tier.seeds[-1])
        self.engineer.scores([first], tier.tasks[:1], seeds, tier=tier.name, steps=tier.steps)
        made = plans.plan(protocol, self.engineer.cost, self.settings.workers)
        self.watch.note(made.said(self.lab.left, self.settings.candidates))

    def _first(
        self, yardstick: Yardstick, designs: Sequence[Design], looked: dict[str, Known]
    ) -> History:
        history = History(yardstick.bar.id, yardstick.spread.sigma)
        checks = self.engineer.checks(yardstick.panel, self.tier.tasks[0])
        effects = yardstick.effects(yardstick.scores, [d.id for d in yardstick.panel])
        seeds = effects.shape[1]
        places = {d.id: n for n, d in enumerate(designs)}
        for design, row, check in zip(yardstick.panel, effects, checks, strict=True):
            history.members[design.id] = Member(
                design, places[design.id], looked[design.id].niche, float(row.mean()),
                float(yardstick.spread.error(seeds)), seeds, seeds, PANEL,
                number(check.values.get("flops_per_token")),
                number(check.values.get("state_floats")),
                panel=True, parent=not looked[design.id].refused,
            )  # fmt: skip
            if design.id == history.bar:
                history.effort = number(check.values.get("effort"))
        return history

    # ---- rounds --------------------------------------------------------------------------------

    def _rounds(self) -> None:
        found, settings = self.found, self.settings
        history, yardstick = found.history, found.yardstick
        assert history is not None
        assert yardstick is not None
        asked = Asked(settings.arm, yardstick.bar, self.workshop)
        proposers = asked.proposers()
        found.bandit = Bandit.over(proposers)
        library = sources()
        screening = Screening(
            self.record, self.watch, self.engineer, self.screen, self.workshop,
            settings.arm.screened, self.tier.tasks[0],
            MOST_WORK * history.members[yardstick.bar.id].flops_per_token,
            MOST_EFFORT * history.effort,
            {s.id: s for s in library},
        )  # fmt: skip
        barren = 0
        while barren < BARREN:
            first = len(settings.protocol.panel) + found.rounds * ROUND
            room = self._room(history, first)
            if room == 0:
                found.ended = f"{settings.candidates} candidates were measured"
                return
            self.tell("proposing")
            view = snapshot(history.archive(), library, self.screen.seen)
            seen = settings.arm.view(view, history.elites())
            draw = Draw(settings.master, settings.run, found.rounds, seen, found.bandit, proposers)
            before = history.candidates
            sifted = screening.sift(fill(draw, ROUND), history, first, room)
            self._round(sifted, history, yardstick)
            barren = barren + 1 if history.candidates == before else 0
            found.rounds += 1
        found.ended = f"{BARREN} rounds brought nothing new"

    def _room(self, history: History, first: int) -> int:
        """How many candidates the round of slots from `first` on may measure.

        A round that was begun before has at least the room that it had, which costs nothing now,
        and just that when a later one was begun: with less, slots that were judged would be left
        out, and with more, others measured, and the later rounds would be drawn from another past.
        """
        number, limit = self.found.rounds, self.settings.candidates
        most = ROUND if limit is None else min(ROUND, max(0, limit - history.candidates))
        known = self.record.room(number)
        if known is not None and self.record.room(number + 1) is not None:
            return min(most, known)
        charged = self.record.charged_among(range(first, first + ROUND))
        room = min(most, max(self._affordable(), known or 0, charged))
        if most and room < 1:
            raise OutOfBudget(
                f"the time is used up but for {self.lab.left or 0:.0f} s, which what was promoted"
                " needs"
            )
        if room:
            self.record.give_room(number, max(room, known or 0))
        return room

    def _affordable(self) -> int:
        """Candidates whose measurement leaves time for the confirmation of what was promoted."""
        if self.lab.left is None:
            return ROUND
        protocol, cost = self.settings.protocol, self.engineer.cost
        finish = plans.finish(protocol, cost, len(self.found.promoted))
        free = self.lab.left * self.settings.workers - finish
        return int(free / plans.candidate(protocol, self.tier, cost))

    def _round(self, sifted: Sifted, history: History, yardstick: Yardstick) -> None:
        fresh = sifted.fresh
        self.tell("racing")
        raced = race(
            self.engineer, yardstick, [f.design for f in fresh], self.tier, history.crowd()
        )
        for new, result in zip(fresh, raced, strict=True):
            self._took_part(new, result, history)
        self._audit([r for r in raced if r.low > SURPRISING])
        self.tell("further seeds")
        for id in dict.fromkeys(p for f in fresh for p in f.parents):
            self._used(id, history, yardstick)
        self._pay(fresh, raced, history, yardstick)
        for arm in sifted.refused:
            self.found.bandit.reward(arm, 0.0, PROPOSING)

    def _took_part(self, new: Fresh, result: Raced, history: History) -> None:
        for id in new.parents:
            history.uses[id] += 1
        self.watch.note(f"#{new.number} {_outcome(result)}")
        if not result.known:
            history.failed.append(result)
            return
        if result.verdict == "promoted":
            self.found.promoted.append(result)
        history.members[new.design.id] = Member(
            new.design, new.number, new.niche, result.effect, result.error, result.n, result.n,
            result.verdict, new.flops_per_token, new.state_floats, parents=new.parents,
        )  # fmt: skip

    def _audit(self, surprising: Sequence[Raced]) -> None:
        """What is too good is looked at, and stays: findings stand beside it."""
        for raced in surprising:
            self.tell("audit")
            found = audited(self.engineer, raced.design, self.tier.tasks)
            self.record.event("audit", raced.design.id, found)
            ill = [
                f"{task}: {name}: {finding.get('said')}"
                for task, findings in found.items()
                if isinstance(findings, Mapping)
                for name, finding in findings.items()
                if isinstance(finding, Mapping) and not finding.get("ok")
            ]
            self.watch.note(
                f"{raced.design.name} is {raced.low:.1f} sds above the bar at least; its audit"
                f" {'finds nothing' if not ill else 'finds ' + '; '.join(ill)}"
            )

    def _used(self, id: str, history: History, yardstick: Yardstick) -> None:
        """A parent that was used often gets further seeds, so that a lucky one regresses."""
        member = history.members.get(id)
        if member is None or id == history.bar:
            return
        due = min(seeds_due(history.uses[id], member.first), MOST_SEEDS)
        if due > member.n:
            effect, error, lost = further(self.engineer, yardstick, member.design, self.tier, due)
            if effect == effect:
                history.members[id] = member.with_seeds(effect, error, due)
            elif lost is not None:
                # It fails on a seed: it has no effect any more, no children, and no claim.
                del history.members[id]
                self.found.promoted = [r for r in self.found.promoted if r.design.id != id]
                history.failed.append(
                    Raced(member.design, "failed", due, reason=lost.reason, said=lost.said)
                )

    def _pay(
        self, fresh: Sequence[Fresh], raced: Sequence[Raced], history: History,
        yardstick: Yardstick,
    ) -> None:  # fmt: skip
        """Rewards the arms: the chance that the child is better than its parent, by its cost."""
        known_ones = history.posteriors()
        unit = self._unit(yardstick)
        for new, result in zip(fresh, raced, strict=True):
            own = known_ones.get(new.design.id)
            parent = known_ones.get(next(iter(new.parents), ""), known_ones[history.bar])
            won = improvement((own.mean, own.sd), (parent.mean, parent.sd)) if own else 0.0
            self.found.bandit.reward(new.operator, won, PROPOSING + result.flops / unit)

    def _unit(self, yardstick: Yardstick) -> float:
        """FLOPs of the bar on the first look."""
        rows = (yardstick.scores.rows[yardstick.bar.id, task] for task in self.tier.tasks)
        flops = sum(s.flops for row in rows for s in row[: self.tier.seeds[0]])
        return flops or 1.0

    # ---- telling -------------------------------------------------------------------------------

    def tell(self, stage: str) -> None:
        """Where the search stands."""
        found, history = self.found, self.found.history
        if history is None:
            self.watch.stands(Standing(stage, limit=self.settings.candidates))
            return
        leaders = tuple(Leader(name_of(m), p.mean, p.low, p.high, m.n) for m, p in history.best(3))
        self.watch.stands(
            Standing(
                stage, found.rounds, history.proposed, history.candidates,
                self.settings.candidates, dict(history.rejected), len(history.failed),
                len(history.found()), len(found.promoted),
                sum(v.confirmed for v in found.verdicts),
                len({m.niche for m in history.members.values()}), leaders,
            )
        )  # fmt: skip


def _outcome(result: Raced) -> str:
    if not result.known:
        return f"failed, {result.reason}: {result.said}".rstrip(": ")
    return (
        f"{result.verdict}: {result.mean:+.2f} [{result.low:+.2f}, {result.high:+.2f}] sd to the"
        f" bar (shrunk), over {result.n} seeds"
    )


def name_of(member: Member) -> str:
    """A candidate for people: number and the start of its id."""
    return f"#{member.number} {member.design.id[:8]}"


def number(value: object) -> float:
    """A number of JSON; 0 for what is none."""
    return float(value) if isinstance(value, int | float) else 0.0
