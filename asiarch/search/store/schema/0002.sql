-- Version 2: candidates and where they came from, what was measured of them and why, claims.
-- A run says which arm it is and which code ran it.

ALTER TABLE runs ADD COLUMN arm TEXT NOT NULL DEFAULT 'full';
ALTER TABLE runs ADD COLUMN code TEXT NOT NULL DEFAULT '';

CREATE TABLE candidates (
  id TEXT PRIMARY KEY,  -- hash of the canonical IR
  program TEXT NOT NULL REFERENCES blobs (name),
  op TEXT NOT NULL,
  sizes TEXT NOT NULL CHECK (json_valid(sizes)),
  facts TEXT NOT NULL CHECK (json_valid(facts)),  -- read from the IR: niche, ledger, parameters
  at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE proposals (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL REFERENCES runs (id),
  number INTEGER NOT NULL CHECK (number >= 0),
  operator TEXT NOT NULL,
  program TEXT NOT NULL REFERENCES blobs (name),
  op TEXT NOT NULL,
  candidate TEXT REFERENCES candidates (id),  -- none: it did not even have a type
  verdict TEXT NOT NULL,  -- accepted, duplicate, or a reason of failure
  label TEXT NOT NULL,  -- such as rediscovery
  note TEXT NOT NULL,
  at REAL NOT NULL,
  UNIQUE (run, number)
) STRICT;
CREATE INDEX proposals_candidate ON proposals (candidate);

CREATE TABLE parents (
  proposal INTEGER NOT NULL REFERENCES proposals (id),
  place INTEGER NOT NULL,
  candidate TEXT NOT NULL REFERENCES candidates (id),
  PRIMARY KEY (proposal, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX parents_candidate ON parents (candidate);

CREATE TABLE edits (
  proposal INTEGER NOT NULL REFERENCES proposals (id),
  place INTEGER NOT NULL,
  operator TEXT NOT NULL,
  "where" TEXT NOT NULL,
  what TEXT NOT NULL,
  provenance TEXT NOT NULL CHECK (json_valid(provenance)),
  PRIMARY KEY (proposal, place)
) STRICT, WITHOUT ROWID;

-- Which job measures which candidate, for what: one job may serve several.
CREATE TABLE uses (
  run TEXT NOT NULL REFERENCES runs (id),
  candidate TEXT NOT NULL REFERENCES candidates (id),
  job TEXT NOT NULL REFERENCES jobs (key),
  role TEXT NOT NULL CHECK (role IN ('train', 'select', 'confirm', 'test')),
  tier TEXT NOT NULL,
  k INTEGER NOT NULL,
  at REAL NOT NULL,
  PRIMARY KEY (run, candidate, job, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX uses_job ON uses (job);

-- A frozen shortlist under a protocol, hashed before it is confirmed; then one verdict each.
CREATE TABLE claims (
  id TEXT PRIMARY KEY,
  run TEXT NOT NULL REFERENCES runs (id),
  protocol_hash TEXT NOT NULL,
  shortlist TEXT NOT NULL CHECK (json_valid(shortlist)),
  at REAL NOT NULL
) STRICT;

CREATE TABLE verdicts (
  claim TEXT NOT NULL REFERENCES claims (id),
  candidate TEXT NOT NULL REFERENCES candidates (id),
  confirmed INTEGER NOT NULL CHECK (confirmed IN (0, 1)),
  evidence TEXT NOT NULL CHECK (json_valid(evidence)),
  at REAL NOT NULL,
  PRIMARY KEY (claim, candidate)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER candidates_stay BEFORE UPDATE ON candidates
BEGIN SELECT raise(ABORT, 'candidates are never changed'); END;
CREATE TRIGGER candidates_kept BEFORE DELETE ON candidates
BEGIN SELECT raise(ABORT, 'candidates are never deleted'); END;
CREATE TRIGGER proposals_stay BEFORE UPDATE ON proposals
BEGIN SELECT raise(ABORT, 'proposals are never changed'); END;
CREATE TRIGGER proposals_kept BEFORE DELETE ON proposals
BEGIN SELECT raise(ABORT, 'proposals are never deleted'); END;
CREATE TRIGGER edits_stay BEFORE UPDATE ON edits
BEGIN SELECT raise(ABORT, 'edits are never changed'); END;
CREATE TRIGGER edits_kept BEFORE DELETE ON edits
BEGIN SELECT raise(ABORT, 'edits are never deleted'); END;
CREATE TRIGGER claims_stay BEFORE UPDATE ON claims
BEGIN SELECT raise(ABORT, 'claims are never changed'); END;
CREATE TRIGGER claims_kept BEFORE DELETE ON claims
BEGIN SELECT raise(ABORT, 'claims are never deleted'); END;
CREATE TRIGGER verdicts_stay BEFORE UPDATE ON verdicts
BEGIN SELECT raise(ABORT, 'verdicts are never changed'); END;
CREATE TRIGGER verdicts_kept BEFORE DELETE ON verdicts
BEGIN SELECT raise(ABORT, 'verdicts are never deleted'); END;
