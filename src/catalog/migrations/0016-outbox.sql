-- The outbox: hooks that are to be called and notifications that are to be sent, written in the transaction of what causes them.

CREATE TABLE outbox (
  -- what goes out with it as its idempotency key
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  location    text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('hook', 'notification')),
  -- the hook, or the resource that sends it: where to and with which secret is known by the worker's definitions alone
  target      text NOT NULL,
  content     jsonb NOT NULL,
  caused_by   text NOT NULL,
  run_id      uuid,
  step_id     uuid,
  status      text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'working', 'done', 'failed')),
  -- tries, and those that died with their worker among them
  attempt     integer NOT NULL DEFAULT 0,
  due_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- the fencing token, and whose it is
  claim       integer NOT NULL DEFAULT 0,
  claimed_by  uuid,
  claimed_at  timestamptz,
  -- why the last try came to nothing
  error       jsonb,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at    timestamptz
) WITH (fillfactor = 70);
CREATE INDEX outbox_open ON outbox (location, due_at) WHERE status IN ('waiting', 'working');
CREATE INDEX outbox_created ON outbox (created_at DESC, id);
CREATE INDEX outbox_failed ON outbox (created_at DESC) WHERE status = 'failed';
CREATE INDEX outbox_ended ON outbox (ended_at) WHERE ended_at IS NOT NULL;

-- What is called when it has ended: the names of hooks by the status that calls them. NULL, as a rule: nothing.
ALTER TABLE run ADD COLUMN hooks jsonb;
ALTER TABLE step ADD COLUMN hooks jsonb;

CREATE FUNCTION iso_time(moment timestamptz) RETURNS text LANGUAGE sql STABLE
  AS $$ SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;

-- A run, as hooks and sensors are handed it.
CREATE FUNCTION run_facts(r run) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', r.id, 'location', r.location, 'job', r.job, 'assets', r.assets, 'partitions', r.partitions, 'tags', r.tags,
    'launchedBy', r.launched_by, 'status', r.status, 'createdAt', millrace.iso_time(r.created_at), 'startedAt', millrace.iso_time(r.started_at),
    'endedAt', millrace.iso_time(r.ended_at), 'failedSteps', f.names, 'error', coalesce(r.error, f.error) - 'stack' - 'cause')
  FROM (SELECT coalesce(array_agg(asset ORDER BY ended_at, asset), '{}') AS names, (array_agg(error ORDER BY ended_at, asset))[1] AS error
        FROM (SELECT asset, ended_at, error FROM millrace.step WHERE run_id = r.id AND status = 'failed' ORDER BY ended_at, asset LIMIT 20) s) f
$$;

-- A step ends in many ways: by its work, by a sweep, by what the ledger says. Whichever it is, its hooks' calls are written with it.
CREATE FUNCTION call_step_hooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.outbox (location, kind, target, caused_by, run_id, step_id, content)
  SELECT NEW.location, 'hook', h.name, NEW.asset, NEW.run_id, NEW.id,
    jsonb_build_object('outcome', CASE NEW.status WHEN 'succeeded' THEN 'success' ELSE 'failure' END, 'run', millrace.run_facts(r),
      'error', CASE NEW.status WHEN 'failed' THEN NEW.error - 'stack' - 'cause' END,
      'step', jsonb_build_object('id', NEW.id, 'name', NEW.asset, 'kind', NEW.kind, 'attempt', NEW.attempt, 'partitions', NEW.partitions,
        'metadata', CASE WHEN NEW.kind = 'op' OR NEW.status = 'failed' THEN '{}' ELSE coalesce(NEW.result, '{}') END,
        'startedAt', millrace.iso_time(NEW.started_at), 'endedAt', millrace.iso_time(NEW.ended_at)))
  FROM millrace.run r, jsonb_array_elements_text(NEW.hooks -> NEW.status) h(name)
  WHERE r.id = NEW.run_id
    -- one whose run will be tried again has not failed yet
    AND (NEW.status = 'succeeded' OR r.retried >= r.retries OR r.error IS NOT NULL OR r.cancel_requested_at IS NOT NULL);
  RETURN NULL;
END $$;
CREATE TRIGGER step_hooks AFTER UPDATE OF status ON step FOR EACH ROW
  WHEN (NEW.hooks IS NOT NULL AND NEW.status IN ('succeeded', 'failed') AND OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION call_step_hooks();

-- Deferred to the commit: a run that failed may be put into the queue again in the same transaction, and has not failed then.
CREATE FUNCTION call_run_hooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO millrace.outbox (location, kind, target, caused_by, run_id, content)
  SELECT r.location, 'hook', h.name, coalesce(r.job, 'run'), r.id,
    jsonb_build_object('outcome', CASE r.status WHEN 'succeeded' THEN 'success' ELSE 'failure' END, 'run', f.facts,
      'error', CASE r.status WHEN 'failed' THEN f.facts -> 'error' END)
  FROM millrace.run r, LATERAL (SELECT millrace.run_facts(r) AS facts OFFSET 0) f, jsonb_array_elements_text(r.hooks -> NEW.status) h(name)
  WHERE r.id = NEW.id AND r.status = NEW.status;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER run_hooks AFTER UPDATE OF status ON run DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.hooks IS NOT NULL AND NEW.status IN ('succeeded', 'failed') AND OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION call_run_hooks();

-- How far a sensor of materializations or runs has got in the event log: the last event that it has seen or passed, and when that was.
ALTER TABLE sensor
  ADD COLUMN seen_event bigint,
  ADD COLUMN seen_at    timestamptz;
ALTER TABLE sensor_tick
  DROP CONSTRAINT sensor_tick_status_check,
  ADD CONSTRAINT sensor_tick_status_check CHECK (status IN ('launched', 'notified', 'skipped', 'failed')),
  ADD COLUMN notifications integer NOT NULL DEFAULT 0,
  -- materializations or runs that it was handed
  ADD COLUMN handed integer NOT NULL DEFAULT 0;
-- What they read on by number, among all else that is logged.
CREATE INDEX event_feed ON event (id) WHERE kind IN ('materialization', 'run ended');
