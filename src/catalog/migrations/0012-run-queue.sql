-- Runs that wait for room, limits and pools, pauses, and the end of runs that take too long or are tried again.

ALTER TABLE run
  DROP CONSTRAINT run_status_check,
  ADD CONSTRAINT run_status_check CHECK (status IN ('queued', 'started', 'canceling', 'succeeded', 'failed', 'canceled')),
  -- the greater, the sooner
  ADD priority       integer NOT NULL DEFAULT 0,
  -- when it left the queue first; NULL of those that did not yet, and of versions that knew no queue
  ADD started_at     timestamptz,
  -- the longest that it may take from leaving the queue, in ms, and when that is over
  ADD timeout_ms     bigint,
  ADD deadline_at    timestamptz,
  -- how often it is tried again as a whole, after how long at first, how often it was, and when it will be
  ADD retries        integer NOT NULL DEFAULT 0,
  ADD retry_delay_ms integer NOT NULL DEFAULT 10000,
  ADD retried        integer NOT NULL DEFAULT 0,
  ADD retry_at       timestamptz,
  -- why it ended, where that is no step's failure
  ADD error          jsonb;
CREATE INDEX run_queued ON run (priority DESC, created_at, id) WHERE status = 'queued';

ALTER TABLE step
  -- the pool of its location that it needs slots of; it holds them while it is under way, so what is held is counted from these rows
  ADD pool     text,
  ADD slots    integer NOT NULL DEFAULT 1,
  -- since when it could begin, while a pool or a pause keeps it from it
  ADD ready_at timestamptz,
  -- since when it holds its slots
  ADD held_at  timestamptz;
CREATE INDEX step_ready ON step (ready_at) WHERE status = 'waiting' AND ready_at IS NOT NULL;
CREATE INDEX step_pool ON step (location, pool)
  WHERE pool IS NOT NULL AND status NOT IN ('waiting', 'retrying', 'succeeded', 'failed', 'canceled', 'skipped', 'superseded');

-- Read at each decision, so kept apart from the whole document.
ALTER TABLE manifest
  ADD limits jsonb GENERATED ALWAYS AS (document -> 'limits') STORED,
  ADD pools  jsonb GENERATED ALWAYS AS (document -> 'pools') STORED;

-- What an operator says of limits; it takes the place of what definitions declare.
CREATE TABLE run_limit (
  -- '': all locations together
  location text NOT NULL,
  -- '': all runs
  tag      text NOT NULL,
  -- '': each value by itself
  value    text NOT NULL,
  -- NULL: no limit
  runs     integer CHECK (runs >= 0),
  set_by   text NOT NULL,
  set_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (location, tag, value)
);

CREATE TABLE pool_size (
  location text NOT NULL,
  name     text NOT NULL,
  slots    integer NOT NULL CHECK (slots >= 0),
  set_by   text NOT NULL,
  set_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (location, name)
);

CREATE TABLE pause (
  -- '': all of them
  location  text PRIMARY KEY,
  paused_by text NOT NULL,
  reason    text,
  paused_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How long a lease is, so that one can tell when its holder was last heard of.
ALTER TABLE process ADD lease_ms integer;
