-- Automation conditions: what assets say of when they are started, evaluated by the leader.

-- Read in each round, so kept apart from the whole document.
ALTER TABLE manifest
  ADD automated boolean GENERATED ALWAYS AS (jsonb_path_exists(document, '$.assets[*].automation')) STORED;

-- A location whose assets have conditions.
CREATE TABLE automation (
  location     text PRIMARY KEY,
  stopped      boolean NOT NULL DEFAULT false,
  -- the manifest version of the last evaluation
  version      text,
  -- the last evaluation, and when the next is due though nothing happens: at a time of a cron expression, at the end of a window
  evaluated_at timestamptz,
  next_at      timestamptz,
  -- it is to be evaluated once more in any case
  again        boolean NOT NULL DEFAULT false,
  -- assets looked at, and how long that took
  assets       integer NOT NULL DEFAULT 0,
  took_ms      integer NOT NULL DEFAULT 0,
  -- why the last evaluation came to nothing, and when that was
  error        jsonb,
  failed_at    timestamptz
);

-- What happened that conditions look at, until an evaluation has taken it. A row of its own each: whoever ends a step waits for nobody.
CREATE TABLE automation_change (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  location  text NOT NULL,
  -- 'updated', 'failed' and 'wiped' are of assets; 'run' is any run's beginning or end, 'keys' a change of dynamic partitions
  kind      text NOT NULL CHECK (kind IN ('updated', 'failed', 'wiped', 'run', 'keys')),
  asset     text,
  -- NULL: the asset as a whole
  partition text COLLATE "C",
  run_id    uuid,
  at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX automation_change_of ON automation_change (location, id);

-- What an asset's condition remembers from one evaluation to the next, and what it was found to be.
CREATE TABLE automation_asset (
  location  text NOT NULL,
  asset     text NOT NULL,
  -- a hash of the condition; another one begins anew
  condition text NOT NULL,
  state     jsonb NOT NULL,
  -- what the outcome is told apart by
  signature text NOT NULL,
  answer    text NOT NULL,
  reason    text NOT NULL,
  -- the outcomes of all that the condition is made of, since when they are so
  outcome   jsonb NOT NULL,
  since     timestamptz NOT NULL,
  PRIMARY KEY (location, asset)
);

-- Evaluations that asked for something, or answered otherwise than the one before: of each asset the last hundred.
CREATE TABLE automation_evaluation (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  location   text NOT NULL,
  asset      text NOT NULL,
  at         timestamptz NOT NULL,
  answer     text NOT NULL CHECK (answer IN ('requested', 'held', 'no', 'failed')),
  reason     text NOT NULL,
  -- of an asset that has them: those that were asked for, the first hundred
  partitions text[] NOT NULL DEFAULT '{}',
  runs       uuid[] NOT NULL DEFAULT '{}',
  outcome    jsonb NOT NULL,
  error      jsonb
);
CREATE INDEX automation_evaluation_of ON automation_evaluation (location, asset, id DESC);

-- Noted where it happens, whoever writes it: also a worker of a version that knows no automation, while versions change.
CREATE FUNCTION note_asset_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.automation_change (location, kind, asset, run_id, at)
  SELECT c.location, CASE TG_OP WHEN 'DELETE' THEN 'wiped' ELSE 'updated' END, c.key, c.run_id, CASE TG_OP WHEN 'DELETE' THEN clock_timestamp() ELSE c.materialized_at END
  FROM changed c WHERE EXISTS (SELECT FROM millrace.automation a WHERE a.location = c.location);
  RETURN NULL;
END $$;
CREATE TRIGGER note_insert AFTER INSERT ON asset REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_asset_changes();
CREATE TRIGGER note_update AFTER UPDATE ON asset REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_asset_changes();
CREATE TRIGGER note_delete AFTER DELETE ON asset REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_asset_changes();

CREATE FUNCTION note_partition_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.automation_change (location, kind, asset, partition, run_id, at)
  SELECT c.location, CASE WHEN TG_OP = 'DELETE' THEN 'wiped' WHEN c.failed_at IS NULL THEN 'updated' ELSE 'failed' END, c.asset, c.partition, c.run_id,
    CASE WHEN TG_OP = 'DELETE' THEN clock_timestamp() ELSE coalesce(c.failed_at, c.materialized_at, clock_timestamp()) END
  FROM changed c WHERE EXISTS (SELECT FROM millrace.automation a WHERE a.location = c.location);
  RETURN NULL;
END $$;
CREATE TRIGGER note_insert AFTER INSERT ON asset_partition REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_partition_changes();
CREATE TRIGGER note_update AFTER UPDATE ON asset_partition REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_partition_changes();
CREATE TRIGGER note_delete AFTER DELETE ON asset_partition REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_partition_changes();

CREATE FUNCTION note_run_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.automation_change (location, kind, run_id) SELECT NEW.location, 'run', NEW.id WHERE EXISTS (SELECT FROM millrace.automation a WHERE a.location = NEW.location);
  RETURN NULL;
END $$;
CREATE TRIGGER note_insert AFTER INSERT ON run FOR EACH ROW EXECUTE FUNCTION note_run_change();
-- From the queue to its start nothing changes for conditions.
CREATE TRIGGER note_update AFTER UPDATE OF status ON run FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status AND NEW.status <> 'started') EXECUTE FUNCTION note_run_change();

CREATE FUNCTION note_key_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.automation_change (location, kind) SELECT DISTINCT c.location, 'keys' FROM changed c WHERE EXISTS (SELECT FROM millrace.automation a WHERE a.location = c.location);
  RETURN NULL;
END $$;
CREATE TRIGGER note_insert AFTER INSERT ON partition_key REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_key_changes();
CREATE TRIGGER note_delete AFTER DELETE ON partition_key REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_key_changes();

-- The end of a backfill frees assets as a run's end does.
CREATE FUNCTION note_backfill_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.automation_change (location, kind) SELECT NEW.location, 'run' WHERE EXISTS (SELECT FROM millrace.automation a WHERE a.location = NEW.location);
  RETURN NULL;
END $$;
CREATE TRIGGER note_update AFTER UPDATE OF status ON backfill FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION note_backfill_end();
