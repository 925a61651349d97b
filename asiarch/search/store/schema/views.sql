-- Made anew by every migration: a view holds nothing.

CREATE VIEW job_states AS
SELECT jobs.key, jobs.kind, jobs.run,
  coalesce(outcomes.status, iif(queue.state = 'stuck', 'failed', queue.state)) AS state,
  coalesce(outcomes.reason, iif(queue.state = 'stuck', 'infra', NULL)) AS reason,
  queue.attempts, queue.losses, queue.message, leases.owner, leases.expires
FROM jobs
LEFT JOIN outcomes ON outcomes.job = jobs.key
LEFT JOIN queue ON queue.job = jobs.key
LEFT JOIN leases ON leases.token = queue.token;

CREATE VIEW budget_states AS
SELECT budgets.run, budgets.resource, budgets.cap, budgets.spent,
  coalesce((SELECT sum(amount) FROM reservations
    WHERE run = budgets.run AND resource = budgets.resource), 0.0) AS reserved,
  coalesce((SELECT sum(overrun) FROM charges
    WHERE run = budgets.run AND resource = budgets.resource), 0.0) AS overrun
FROM budgets;

CREATE VIEW measurements AS
SELECT uses.run, uses.candidate, uses.tier, uses.role, uses.k, uses.job,
  jobs.kind, jobs.spec, outcomes.status, outcomes.reason, outcomes."values",
  outcomes.seconds, outcomes.flops, outcomes.at
FROM uses
JOIN jobs ON jobs.key = uses.job
LEFT JOIN outcomes ON outcomes.job = uses.job;

CREATE VIEW programs AS
SELECT candidates.id AS candidate, candidates.op, CAST(blobs.content AS TEXT) AS text
FROM candidates JOIN blobs ON blobs.name = candidates.program;

CREATE VIEW lineage AS
SELECT proposals.run, proposals.number, proposals.candidate AS child,
  parents.candidate AS parent, proposals.operator
FROM proposals JOIN parents ON parents.proposal = proposals.id
WHERE proposals.verdict = 'accepted';

CREATE VIEW discoveries AS
SELECT claims.run, claims.id AS claim, claims.protocol_hash, verdicts.candidate,
  verdicts.evidence, verdicts.at
FROM verdicts JOIN claims ON claims.id = verdicts.claim
WHERE verdicts.confirmed = 1;
