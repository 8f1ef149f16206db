-- External assets that another location makes: what is made there is told here, so that conditions, freshness and pages of this location know it.

-- Those of the manifests in force.
CREATE TABLE asset_elsewhere (
  location text NOT NULL,
  key      text NOT NULL,
  -- the location that makes it, under the same key
  maker    text NOT NULL,
  PRIMARY KEY (location, key)
);
CREATE INDEX asset_elsewhere_of ON asset_elsewhere (maker, key);

-- Whoever writes what is told holds the lock that whoever changes the table above waits for (a lock of the table itself would wait for a backup): before he locks any row,
-- because the other locks rows after it.
CREATE FUNCTION hold_assets_elsewhere() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('millrace asset elsewhere', 0));
  RETURN NULL;
END $$;
CREATE TRIGGER hold_elsewhere BEFORE INSERT OR UPDATE OR DELETE ON asset FOR EACH STATEMENT EXECUTE FUNCTION hold_assets_elsewhere();
CREATE TRIGGER hold_elsewhere BEFORE INSERT OR UPDATE OR DELETE ON asset_partition FOR EACH STATEMENT EXECUTE FUNCTION hold_assets_elsewhere();

-- A copy never takes the place of what is newer: of a report to this location, say. Where nothing is told, nothing is written, so that two locations which name each other end.
CREATE FUNCTION tell_asset_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM changed c JOIN millrace.asset_elsewhere e ON e.maker = c.location AND e.key = c.key) THEN RETURN NULL; END IF;
  IF TG_OP = 'DELETE' THEN
    DELETE FROM millrace.asset a USING changed c JOIN millrace.asset_elsewhere e ON e.maker = c.location AND e.key = c.key
    WHERE a.location = e.location AND a.key = e.key AND a.materialized_at <= c.materialized_at;
  ELSE
    INSERT INTO millrace.asset AS a (location, key, run_id, materialized_at, metadata)
    SELECT e.location, e.key, c.run_id, c.materialized_at, c.metadata FROM changed c JOIN millrace.asset_elsewhere e ON e.maker = c.location AND e.key = c.key
    ORDER BY e.location, e.key
    ON CONFLICT (location, key) DO UPDATE SET run_id = excluded.run_id, materialized_at = excluded.materialized_at, metadata = excluded.metadata
      WHERE excluded.materialized_at > a.materialized_at;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER tell_insert AFTER INSERT ON asset REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_asset_changes();
CREATE TRIGGER tell_update AFTER UPDATE ON asset REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_asset_changes();
CREATE TRIGGER tell_delete AFTER DELETE ON asset REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_asset_changes();

CREATE FUNCTION tell_partition_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM changed c JOIN millrace.asset_elsewhere e ON e.maker = c.location AND e.key = c.asset) THEN RETURN NULL; END IF;
  IF TG_OP = 'DELETE' THEN
    DELETE FROM millrace.asset_partition p USING changed c JOIN millrace.asset_elsewhere e ON e.maker = c.location AND e.key = c.asset
    WHERE p.location = e.location AND p.asset = e.key AND p.partition = c.partition AND p.materialized_at IS NOT DISTINCT FROM c.materialized_at;
  ELSE
    INSERT INTO millrace.asset_partition AS p (location, asset, partition, materialized_at, run_id, failed_at, failed_run_id, metadata)
    SELECT e.location, e.key, c.partition, c.materialized_at, c.run_id, c.failed_at, c.failed_run_id, c.metadata
    FROM changed c JOIN millrace.asset_elsewhere e ON e.maker = c.location AND e.key = c.asset ORDER BY e.location, e.key, c.partition
    ON CONFLICT (location, asset, partition) DO UPDATE SET materialized_at = excluded.materialized_at, run_id = excluded.run_id,
      failed_at = excluded.failed_at, failed_run_id = excluded.failed_run_id, metadata = excluded.metadata
      WHERE coalesce(excluded.materialized_at, '-infinity') >= coalesce(p.materialized_at, '-infinity')
        AND (excluded.materialized_at, excluded.failed_at) IS DISTINCT FROM (p.materialized_at, p.failed_at);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER tell_insert AFTER INSERT ON asset_partition REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_partition_changes();
CREATE TRIGGER tell_update AFTER UPDATE ON asset_partition REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_partition_changes();
CREATE TRIGGER tell_delete AFTER DELETE ON asset_partition REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_partition_changes();

-- Whichever way a version comes into force. What is there already is told at once.
CREATE FUNCTION note_assets_elsewhere() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wanted jsonb;
BEGIN
  SELECT coalesce(jsonb_object_agg(one ->> 'key', one ->> 'madeIn'), '{}') INTO wanted FROM millrace.manifest m
    CROSS JOIN LATERAL jsonb_path_query(m.document, '$.assets[*] ? (@.kind == "external" && exists(@.madeIn))') one
  WHERE m.location = NEW.name AND m.version = NEW.version;
  IF wanted = (SELECT coalesce(jsonb_object_agg(e.key, e.maker), '{}') FROM millrace.asset_elsewhere e WHERE e.location = NEW.name) THEN RETURN NULL; END IF;
  -- What is being told now was decided by the table as it was; so it is waited for, and is copied below.
  PERFORM pg_advisory_xact_lock(hashtextextended('millrace asset elsewhere', 0));
  DELETE FROM millrace.asset_elsewhere WHERE location = NEW.name;
  INSERT INTO millrace.asset_elsewhere (location, key, maker) SELECT NEW.name, one.key, one.value FROM jsonb_each_text(wanted) one;
  -- What was wiped while nothing was told, or was made by another location: not what was reported here, or made here before.
  DELETE FROM millrace.asset a USING millrace.asset_elsewhere e
  WHERE e.location = NEW.name AND a.location = e.location AND a.key = e.key
    AND EXISTS (SELECT FROM millrace.run r WHERE r.id = a.run_id AND r.location <> NEW.name)
    AND NOT EXISTS (SELECT FROM millrace.asset c WHERE c.location = e.maker AND c.key = e.key);
  DELETE FROM millrace.asset_partition p USING millrace.asset_elsewhere e
  WHERE e.location = NEW.name AND p.location = e.location AND p.asset = e.key
    AND EXISTS (SELECT FROM millrace.run r WHERE r.id = coalesce(p.run_id, p.failed_run_id) AND r.location <> NEW.name)
    AND NOT EXISTS (SELECT FROM millrace.asset_partition c WHERE c.location = e.maker AND c.asset = e.key AND c.partition = p.partition);
  INSERT INTO millrace.asset AS a (location, key, run_id, materialized_at, metadata)
  SELECT e.location, e.key, c.run_id, c.materialized_at, c.metadata
  FROM millrace.asset_elsewhere e JOIN millrace.asset c ON c.location = e.maker AND c.key = e.key WHERE e.location = NEW.name ORDER BY e.key
  ON CONFLICT (location, key) DO UPDATE SET run_id = excluded.run_id, materialized_at = excluded.materialized_at, metadata = excluded.metadata
    WHERE excluded.materialized_at > a.materialized_at;
  INSERT INTO millrace.asset_partition AS p (location, asset, partition, materialized_at, run_id, failed_at, failed_run_id, metadata)
  SELECT e.location, e.key, c.partition, c.materialized_at, c.run_id, c.failed_at, c.failed_run_id, c.metadata
  FROM millrace.asset_elsewhere e JOIN millrace.asset_partition c ON c.location = e.maker AND c.asset = e.key WHERE e.location = NEW.name ORDER BY e.key, c.partition
  ON CONFLICT (location, asset, partition) DO UPDATE SET materialized_at = excluded.materialized_at, run_id = excluded.run_id,
    failed_at = excluded.failed_at, failed_run_id = excluded.failed_run_id, metadata = excluded.metadata
    WHERE coalesce(excluded.materialized_at, '-infinity') >= coalesce(p.materialized_at, '-infinity')
      AND (excluded.materialized_at, excluded.failed_at) IS DISTINCT FROM (p.materialized_at, p.failed_at);
  RETURN NULL;
END $$;
CREATE TRIGGER note_insert AFTER INSERT ON location FOR EACH ROW EXECUTE FUNCTION note_assets_elsewhere();
CREATE TRIGGER note_update AFTER UPDATE OF version ON location FOR EACH ROW WHEN (OLD.version IS DISTINCT FROM NEW.version) EXECUTE FUNCTION note_assets_elsewhere();

-- What is being made there, and no longer is, counts for conditions, too.
CREATE OR REPLACE FUNCTION note_run_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.automation_change (location, kind, run_id) SELECT a.location, 'run', NEW.id FROM millrace.automation a
  WHERE a.location = NEW.location OR a.location IN (SELECT e.location FROM millrace.asset_elsewhere e WHERE e.maker = NEW.location);
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION note_backfill_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.automation_change (location, kind) SELECT a.location, 'run' FROM millrace.automation a
  WHERE a.location = NEW.location OR a.location IN (SELECT e.location FROM millrace.asset_elsewhere e WHERE e.maker = NEW.location);
  RETURN NULL;
END $$;
