-- First of all: its lock is the strongest of all that are taken here, and to ask for it later could make a running worker wait in a circle.
ALTER TABLE run
  -- what a failed run is tried again from: what failed, in the same run, or its start, by a run like it
  ADD COLUMN retry_from text NOT NULL DEFAULT 'failure' CHECK (retry_from IN ('failure', 'start')),
  -- the run that tries it again
  ADD COLUMN retried_by uuid;

-- How each partition of a job of ops was run last. Kept apart from its run, which retention drops.
CREATE TABLE job_partition (
  location  text NOT NULL,
  job       text NOT NULL,
  partition text NOT NULL COLLATE "C",
  -- of the run of it that ended last
  run_id    uuid NOT NULL,
  status    text NOT NULL CHECK (status IN ('succeeded', 'failed', 'canceled')),
  ended_at  timestamptz NOT NULL,
  PRIMARY KEY (location, job, partition)
);

-- Deferred to the commit: a run that failed may be put into the queue again in the same transaction, and has not failed then.
CREATE FUNCTION note_job_partition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.job_partition (location, job, partition, run_id, status, ended_at)
  SELECT r.location, r.job, r.partitions[1], r.id, r.status, coalesce(r.ended_at, clock_timestamp()) FROM millrace.run r WHERE r.id = NEW.id AND r.status = NEW.status
  ON CONFLICT (location, job, partition) DO UPDATE SET run_id = excluded.run_id, status = excluded.status, ended_at = excluded.ended_at;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER note_partition AFTER UPDATE OF status ON run DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  -- A run of assets has them.
  WHEN (NEW.job IS NOT NULL AND NEW.partitions IS NOT NULL AND cardinality(NEW.assets) = 0
    AND NEW.status IN ('succeeded', 'failed', 'canceled') AND OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION note_job_partition();

-- As it was, but that one which another run tries again has not failed yet.
CREATE OR REPLACE FUNCTION call_run_hooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.outbox (location, kind, target, caused_by, run_id, content)
  SELECT r.location, 'hook', h.name, coalesce(r.job, 'run'), r.id,
    jsonb_build_object('outcome', CASE r.status WHEN 'succeeded' THEN 'success' ELSE 'failure' END, 'run', f.facts,
      'error', CASE r.status WHEN 'failed' THEN f.facts -> 'error' END)
  FROM millrace.run r, LATERAL (SELECT millrace.run_facts(r) AS facts OFFSET 0) f, jsonb_array_elements_text(r.hooks -> NEW.status) h(name)
  WHERE r.id = NEW.id AND r.status = NEW.status AND (r.status <> 'failed' OR r.retried_by IS NULL);
  RETURN NULL;
END $$;
