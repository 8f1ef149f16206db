-- Schedules of several runs a tick, what is new since the last one, and how fresh assets are.

ALTER TABLE schedule
  -- every slot up to here was evaluated, or is not to be made up for
  ADD COLUMN settled_at timestamptz,
  -- the partitions up to which runs were launched: {"through": time} or {"ordinal": of a key}
  ADD COLUMN mark jsonb;
UPDATE schedule s SET settled_at = (SELECT max(scheduled_at) FROM tick t WHERE t.location = s.location AND t.schedule = s.name);

ALTER TABLE tick
  DROP CONSTRAINT tick_status_check,
  ADD CONSTRAINT tick_status_check CHECK (status IN ('launched', 'skipped', 'failed')),
  -- why there is no run, or what there is to say
  ADD COLUMN reason text,
  -- run_id is the first of them
  ADD COLUMN runs uuid[] NOT NULL DEFAULT '{}',
  -- requests whose run key had a run already
  ADD COLUMN known integer NOT NULL DEFAULT 0,
  -- how often it failed; the error is that of the last time, also where it succeeded after all
  ADD COLUMN failures integer NOT NULL DEFAULT 0,
  -- lines that its function wrote
  ADD COLUMN log jsonb NOT NULL DEFAULT '[]';
UPDATE tick SET runs = ARRAY[run_id] WHERE run_id IS NOT NULL;
UPDATE tick SET failures = 4 WHERE status = 'failed';
CREATE INDEX tick_at ON tick (at);

-- How fresh each asset with a freshness policy was when the leader last looked.
CREATE TABLE asset_freshness (
  location text NOT NULL,
  asset    text NOT NULL,
  state    text NOT NULL CHECK (state IN ('unknown', 'fresh', 'warning', 'overdue')),
  since    timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- when a policy of it was first seen: one that was never materialized is unknown until it would have been due
  first_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (location, asset)
);

-- Backfills are removed when their days are over.
CREATE INDEX backfill_ended ON backfill (ended_at) WHERE ended_at IS NOT NULL;

-- Fences of steps that were removed with their runs: a load worker removes them from their destination.
CREATE TABLE forgotten_fence (
  step_id      uuid PRIMARY KEY,
  location     text NOT NULL,
  -- NULL: the default one
  destination  jsonb,
  -- the delivery of the job that is wanted, and since when it should be in a queue
  enqueued     integer NOT NULL,
  enqueued_at  timestamptz,
  forgotten_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
