-- Version 1: runs, jobs and what came of them, budgets, events.
-- Times are seconds since 1970; names `at` are when a row was written.

CREATE TABLE blobs (
  name TEXT PRIMARY KEY CHECK (name GLOB 'sha256:*' AND length(name) = 71),
  size INTEGER NOT NULL CHECK (size = length(content)),
  content BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  master INTEGER NOT NULL,
  protocol TEXT NOT NULL CHECK (json_valid(protocol)),
  protocol_hash TEXT NOT NULL,
  at REAL NOT NULL
) STRICT;

CREATE TABLE jobs (
  key TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  spec TEXT NOT NULL CHECK (json_valid(spec)),
  run TEXT NOT NULL REFERENCES runs (id),  -- the run that asked first, and is charged
  at REAL NOT NULL
) STRICT;

-- Jobs that are still to be done: a row leaves when its outcome is recorded.
CREATE TABLE queue (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  job TEXT NOT NULL UNIQUE REFERENCES jobs (key),
  run TEXT NOT NULL REFERENCES runs (id),
  "group" TEXT NOT NULL,
  cost REAL NOT NULL,
  needs TEXT NOT NULL CHECK (json_valid(needs)),  -- what each attempt reserves, by resource
  priority INTEGER NOT NULL,
  -- `stuck`: failed for the reason infra, until somebody asks to retry
  state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'stuck')),
  alone INTEGER NOT NULL DEFAULT 0 CHECK (alone IN (0, 1)),  -- no longer run with its group
  attempts INTEGER NOT NULL DEFAULT 0,
  losses INTEGER NOT NULL DEFAULT 0,
  ready REAL NOT NULL,
  token TEXT REFERENCES leases (token),
  message TEXT NOT NULL DEFAULT '',
  CHECK ((state = 'leased') = (token IS NOT NULL))
) STRICT;
CREATE INDEX queue_order ON queue (state, priority DESC, place);
CREATE INDEX queue_group ON queue ("group", state, place);
CREATE INDEX queue_token ON queue (token);

CREATE TABLE leases (
  token TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  run TEXT NOT NULL REFERENCES runs (id),
  at REAL NOT NULL,
  heartbeat REAL NOT NULL,
  expires REAL NOT NULL,
  used TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(used))
) STRICT;
CREATE INDEX leases_expiry ON leases (expires);

CREATE TABLE outcomes (
  job TEXT PRIMARY KEY REFERENCES jobs (key),
  status TEXT NOT NULL CHECK (status IN ('done', 'failed')),
  reason TEXT CHECK (
    reason IN ('type', 'causal', 'cost', 'compile', 'law', 'nan', 'oom', 'timeout')
  ),
  "values" TEXT NOT NULL CHECK (json_valid("values")),
  seconds REAL NOT NULL,
  flops REAL NOT NULL,
  token TEXT NOT NULL,
  owner TEXT NOT NULL,
  at REAL NOT NULL,
  CHECK ((status = 'done') = (reason IS NULL))
) STRICT;

CREATE TABLE outcome_blobs (
  job TEXT NOT NULL REFERENCES outcomes (job),
  name TEXT NOT NULL,
  blob TEXT NOT NULL REFERENCES blobs (name),
  PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE budgets (
  run TEXT NOT NULL REFERENCES runs (id),
  resource TEXT NOT NULL,
  cap REAL,  -- none: counted only
  spent REAL NOT NULL DEFAULT 0,
  PRIMARY KEY (run, resource),
  CHECK (spent >= 0)
) STRICT, WITHOUT ROWID;

-- What is promised to something that runs: a job, a request to a model, a slice of time.
CREATE TABLE reservations (
  run TEXT NOT NULL,
  resource TEXT NOT NULL,
  subject TEXT NOT NULL,
  amount REAL NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (run, resource, subject),
  FOREIGN KEY (run, resource) REFERENCES budgets (run, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_subject ON reservations (subject);

CREATE TABLE charges (
  subject TEXT NOT NULL,
  attempt TEXT NOT NULL,
  resource TEXT NOT NULL,
  run TEXT NOT NULL,
  amount REAL NOT NULL CHECK (amount >= 0),
  overrun REAL NOT NULL DEFAULT 0 CHECK (overrun >= 0),  -- measured beyond what could be charged
  at REAL NOT NULL,
  PRIMARY KEY (subject, attempt, resource),
  FOREIGN KEY (run, resource) REFERENCES budgets (run, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX charges_run ON charges (run, resource);

CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL,
  run TEXT,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  data TEXT NOT NULL CHECK (json_valid(data))
) STRICT;
CREATE INDEX events_kind ON events (kind, id);

-- What has happened stays: these tables only grow.
CREATE TRIGGER blobs_stay BEFORE UPDATE ON blobs
BEGIN SELECT raise(ABORT, 'blobs are never changed'); END;
CREATE TRIGGER blobs_kept BEFORE DELETE ON blobs
BEGIN SELECT raise(ABORT, 'blobs are never deleted'); END;
CREATE TRIGGER runs_stay BEFORE UPDATE ON runs
BEGIN SELECT raise(ABORT, 'runs are never changed'); END;
CREATE TRIGGER runs_kept BEFORE DELETE ON runs
BEGIN SELECT raise(ABORT, 'runs are never deleted'); END;
CREATE TRIGGER jobs_stay BEFORE UPDATE ON jobs
BEGIN SELECT raise(ABORT, 'jobs are never changed'); END;
CREATE TRIGGER jobs_kept BEFORE DELETE ON jobs
BEGIN SELECT raise(ABORT, 'jobs are never deleted'); END;
CREATE TRIGGER outcomes_stay BEFORE UPDATE ON outcomes
BEGIN SELECT raise(ABORT, 'outcomes are never changed'); END;
CREATE TRIGGER outcomes_kept BEFORE DELETE ON outcomes
BEGIN SELECT raise(ABORT, 'outcomes are never deleted'); END;
CREATE TRIGGER charges_stay BEFORE UPDATE ON charges
BEGIN SELECT raise(ABORT, 'charges are never changed'); END;
CREATE TRIGGER charges_kept BEFORE DELETE ON charges
BEGIN SELECT raise(ABORT, 'charges are never deleted'); END;
CREATE TRIGGER events_stay BEFORE UPDATE ON events
BEGIN SELECT raise(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_kept BEFORE DELETE ON events
BEGIN SELECT raise(ABORT, 'events are never deleted'); END;
