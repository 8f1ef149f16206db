-- What a run left out is no longer failed, and was not made either: conditions are told only of what was made, or failed.

CREATE FUNCTION note_partition_updates() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.automation_change (location, kind, asset, partition, run_id, at)
  SELECT c.location, CASE WHEN c.failed_at IS NULL THEN 'updated' ELSE 'failed' END, c.asset, c.partition, c.run_id,
    coalesce(c.failed_at, c.materialized_at, clock_timestamp())
  FROM changed c WHERE EXISTS (SELECT FROM millrace.automation a WHERE a.location = c.location)
    AND (c.failed_at IS NOT NULL
      OR NOT EXISTS (SELECT FROM before b WHERE b.location = c.location AND b.asset = c.asset AND b.partition = c.partition
        AND coalesce(b.materialized_at, '-infinity') = coalesce(c.materialized_at, '-infinity')));
  RETURN NULL;
END $$;
DROP TRIGGER note_update ON asset_partition;
CREATE TRIGGER note_update AFTER UPDATE ON asset_partition REFERENCING OLD TABLE AS before NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION note_partition_updates();
