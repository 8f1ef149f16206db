-- What is told of what did not go well: why a step was skipped, and when an asset was to be made last and was not.

-- The last failure of each asset, whatever was made of it since. Kept apart from its run, which retention drops.
CREATE TABLE asset_failure (
  location  text NOT NULL,
  asset     text NOT NULL,
  run_id    uuid NOT NULL,
  -- the step that failed; of an asset that is made by ops, or together with others, not its own
  step      text NOT NULL,
  failed_at timestamptz NOT NULL,
  error     jsonb,
  PRIMARY KEY (location, asset)
);

-- Steps fail in many ways, and workers of the version before know nothing of this table. One statement fails one step; what it makes is locked in the order of the keys.
CREATE FUNCTION note_asset_failure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.asset_failure (location, asset, run_id, step, failed_at, error)
  SELECT NEW.location, made.asset, NEW.run_id, NEW.asset, clock_timestamp(), NEW.error - 'stack' - 'cause'
  FROM unnest(coalesce(NEW.makes, ARRAY[coalesce(NEW.part_of, NEW.asset)])) AS made(asset) ORDER BY made.asset COLLATE "C"
  ON CONFLICT (location, asset) DO UPDATE SET run_id = excluded.run_id, step = excluded.step, failed_at = excluded.failed_at, error = excluded.error;
  RETURN NULL;
END $$;

-- Before `step` is locked, because it reads all of it. What fails until then is not noted: no decision hangs on it.
INSERT INTO asset_failure
  SELECT DISTINCT ON (s.location, made.asset) s.location, made.asset, s.run_id, s.asset, coalesce(s.ended_at, s.started_at, clock_timestamp()), s.error - 'stack' - 'cause'
  FROM step s CROSS JOIN unnest(coalesce(s.makes, ARRAY[coalesce(s.part_of, s.asset)])) AS made(asset)
  WHERE s.status = 'failed' AND (s.kind <> 'op' OR s.part_of IS NOT NULL)
  ORDER BY s.location, made.asset, s.ended_at DESC NULLS LAST;

-- A sentence's end: `because shop/orders failed`. NULL of what a version before this one skipped.
ALTER TABLE step ADD COLUMN skipped_because text;

CREATE TRIGGER note_failure AFTER UPDATE OF status ON step FOR EACH ROW
  WHEN (NEW.status = 'failed' AND OLD.status <> 'failed' AND (NEW.kind <> 'op' OR NEW.part_of IS NOT NULL))
  EXECUTE FUNCTION note_asset_failure();
