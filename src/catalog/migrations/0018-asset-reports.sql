-- Functions that make several assets, what others report of assets, and definitions that do not load.

ALTER TABLE step
  DROP CONSTRAINT step_kind_check,
  ADD CONSTRAINT step_kind_check CHECK (kind IN ('table', 'sql', 'function', 'op', 'multi')),
  -- of the step of a function of several assets: those that it is asked for, each of which has a step that ends with this one
  ADD COLUMN makes text[];

-- What was seen of an asset last; one that was only seen and never made has no row in asset. Never dropped by retention.
CREATE TABLE asset_observation (
  location    text NOT NULL,
  key         text NOT NULL,
  -- '': the whole asset
  partition   text NOT NULL COLLATE "C",
  observed_at timestamptz NOT NULL,
  run_id      uuid,
  metadata    jsonb NOT NULL,
  PRIMARY KEY (location, key, partition)
);

-- Reports that came with a key: one that comes again is answered as the first was. Forgotten with the days of the history.
CREATE TABLE asset_report (
  idempotency_key text PRIMARY KEY,
  location        text NOT NULL,
  asset           text NOT NULL,
  kind            text NOT NULL,
  at              timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX asset_report_at ON asset_report (at);

-- The folder that a location's definitions came from: what does not load there is told of this location.
ALTER TABLE location ADD COLUMN folder text;
