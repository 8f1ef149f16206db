-- Ops: steps of a job's graph, the values that they hand on, and the branches of mappings.

-- The job that a run is of.
ALTER TABLE run ADD COLUMN job text;
CREATE INDEX run_job ON run (location, job, created_at DESC) WHERE job IS NOT NULL;

ALTER TABLE step
  DROP CONSTRAINT step_kind_check,
  ADD CONSTRAINT step_kind_check CHECK (kind IN ('table', 'sql', 'function', 'op')),
  -- the graph-backed asset whose step it is; absent: a step of the run's job
  ADD COLUMN part_of text,
  -- of a branch's step: the step of the graph that it was made from, and its item
  ADD COLUMN template text,
  ADD COLUMN map text,
  ADD COLUMN ordinal integer,
  -- steps of the graph whose every branch must have ended well first
  ADD COLUMN collects text[] NOT NULL DEFAULT '{}',
  -- a branch's first step, of which only so many go at once: it begins when its turn comes
  ADD COLUMN in_line boolean NOT NULL DEFAULT false,
  -- it was skipped because an output that it needs was left out, and not because anything failed
  ADD COLUMN unneeded boolean NOT NULL DEFAULT false;

-- What has not ended: whether a run is over, and what waits in one branch, must not cost more the longer a run is.
CREATE INDEX step_unended ON step (run_id, ordinal) WHERE status NOT IN ('succeeded', 'failed', 'canceled', 'skipped', 'superseded');
-- Branches of one step: whether all have ended, how many go, and who is next.
CREATE INDEX step_branch ON step (run_id, template, status, ordinal) WHERE template IS NOT NULL;

-- An output of a step, for the steps behind it.
CREATE TABLE step_value (
  step_id uuid NOT NULL REFERENCES step ON DELETE CASCADE,
  output  text NOT NULL,
  -- absent where an I/O manager keeps it
  value   json,
  PRIMARY KEY (step_id, output)
);

-- What a mapping goes over.
CREATE TABLE map_item (
  run_id  uuid NOT NULL REFERENCES run ON DELETE CASCADE,
  map     text NOT NULL,
  ordinal integer NOT NULL,
  key     text NOT NULL,
  value   json NOT NULL,
  PRIMARY KEY (run_id, map, ordinal)
);
