-- Partitions of assets: what runs and steps are to make, what of it is there, and backfills, which make much of it.

ALTER TABLE run ADD COLUMN partitions text[];
ALTER TABLE step ADD COLUMN partitions text[];
-- what of an asset is being made
CREATE INDEX step_asset_unended ON step (location, asset) WHERE ended_at IS NULL;

-- What each partition of an asset was last; never dropped by retention. One that was never asked for has no row.
CREATE TABLE asset_partition (
  location        text NOT NULL,
  asset           text NOT NULL,
  partition       text NOT NULL COLLATE "C",
  materialized_at timestamptz,
  run_id          uuid,
  -- set where the last run of it failed; what was there before is still there
  failed_at       timestamptz,
  failed_run_id   uuid,
  metadata        jsonb,
  -- how it stands is told by the index alone
  PRIMARY KEY (location, asset, partition) INCLUDE (materialized_at, failed_at)
);

-- The keys of dynamic partitions.
CREATE TABLE partition_key (
  location text NOT NULL,
  name     text NOT NULL,
  key      text NOT NULL,
  ordinal  bigint GENERATED ALWAYS AS IDENTITY,
  added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (location, name, key)
);

CREATE TABLE backfill (
  id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  location            text NOT NULL,
  assets              text[] NOT NULL,
  -- what one run makes together, upstream before downstream, and the moment that says which partitions there are: as they were when it began
  plan                jsonb NOT NULL,
  -- NULL: as many as are ready and follow each other
  partitions_per_run  integer,
  -- runs under way at the same time
  runs_at_once        integer NOT NULL,
  status              text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'canceling', 'succeeded', 'failed', 'canceled')),
  config              jsonb NOT NULL DEFAULT '{}',
  tags                jsonb NOT NULL DEFAULT '{}',
  launched_by         text NOT NULL,
  idempotency_key     text UNIQUE,
  created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at            timestamptz,
  -- why it does not go on, while it does not
  problem             text
);
CREATE INDEX backfill_open ON backfill (id) WHERE status IN ('running', 'canceling');
CREATE INDEX backfill_created ON backfill (created_at DESC, id);

ALTER TABLE run ADD COLUMN backfill_id uuid REFERENCES backfill ON DELETE SET NULL;
CREATE INDEX run_backfill ON run (backfill_id, created_at) WHERE backfill_id IS NOT NULL;

-- One partition of a unit of a backfill.
CREATE TABLE backfill_part (
  backfill_id uuid NOT NULL REFERENCES backfill ON DELETE CASCADE,
  -- from 0, as in the plan
  unit        integer NOT NULL,
  -- where it is among the partitions of its unit
  ordinal     integer NOT NULL,
  -- NULL: the unit has none
  partition   text,
  status      text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'running', 'succeeded', 'failed', 'skipped', 'canceled')),
  run_id      uuid,
  PRIMARY KEY (backfill_id, unit, ordinal)
);
CREATE INDEX backfill_part_status ON backfill_part (backfill_id, status, unit, ordinal);
