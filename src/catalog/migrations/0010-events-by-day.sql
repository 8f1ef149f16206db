-- The event log by what is kept how long, and by day (UTC): what is too old goes as whole tables. What was logged before keeps its ids.

LOCK TABLE event IN ACCESS EXCLUSIVE MODE;
ALTER TABLE event RENAME TO event_plain;
ALTER INDEX event_run RENAME TO event_plain_run;
CREATE SEQUENCE event_number;
-- Set in any case: its value must be a number that was drawn, since readers take it for the last one.
SELECT setval('event_number', greatest((SELECT max(id) FROM event_plain), (SELECT last_value FROM event_id_seq)));

-- No foreign key to run: each partition would lock run when it comes and when it goes, and a run's end would look into all of them.
-- Columns of fixed width come first; what is unique about an id is the sequence, so that one index is enough.
CREATE TABLE event (
  id        bigint NOT NULL DEFAULT nextval('event_number'),
  at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  run_id    uuid,
  step_id   uuid,
  -- of a line that user code logged: the try that it belongs to
  attempt   smallint,
  -- how long it is kept: 'debug' and 'log' are what code says and what a step goes through, 'history' is what became of runs and assets
  retention text NOT NULL DEFAULT 'history',
  level     text NOT NULL DEFAULT 'info' CHECK (level IN ('debug', 'info', 'warn', 'error')),
  kind      text NOT NULL,
  asset     text,
  message   text NOT NULL,
  data      jsonb NOT NULL DEFAULT '{}'
) PARTITION BY LIST (retention);
CREATE INDEX event_of_run ON event (run_id, id);

-- Events of a run lie between its start and its end, give or take a day; what happened outside of that widens it.
ALTER TABLE run ADD events_from timestamptz, ADD events_until timestamptz;
UPDATE run SET events_from = e.first, events_until = e.last
FROM (SELECT run_id, min(at) AS first, max(at) AS last FROM event_plain GROUP BY run_id) e
WHERE run.id = e.run_id AND (e.first < run.created_at - interval '12 h' OR e.last > run.ended_at + interval '12 h');

CREATE VIEW event_sorted AS
  SELECT *, CASE WHEN level = 'debug' THEN 'debug'
                 WHEN kind IN ('log', 'attempt', 'retry', 'spool', 'destination', 'version', 'generation', 'job failed') THEN 'log'
                 ELSE 'history' END AS retention, (at AT TIME ZONE 'UTC')::date AS day
  FROM event_plain;

DO $$
DECLARE
  kept text;
  today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
  one date;
BEGIN
  FOREACH kept IN ARRAY ARRAY['debug', 'log', 'history'] LOOP
    EXECUTE format('CREATE TABLE millrace.%I PARTITION OF millrace.event FOR VALUES IN (%L) PARTITION BY RANGE (at)', 'event_' || kept, kept);
    -- Takes whatever has no partition of its day, so that no insert fails for want of one.
    EXECUTE format('CREATE TABLE millrace.%I PARTITION OF millrace.%I DEFAULT', 'event_' || kept || '_other', 'event_' || kept);
    -- Days longer ago than is kept by default are left to event_…_other, and to whoever makes and drops partitions.
    FOR one IN
      SELECT today + ahead FROM generate_series(0, 4) ahead
      UNION SELECT day FROM event_sorted WHERE retention = kept AND day BETWEEN today - 100 AND today + 4
    LOOP
      EXECUTE format('CREATE TABLE millrace.%I PARTITION OF millrace.%I FOR VALUES FROM (%L) TO (%L)',
        'event_' || kept || '_' || to_char(one, 'YYYYMMDD'), 'event_' || kept, one || ' 00:00:00+00', (one + 1) || ' 00:00:00+00');
    END LOOP;
  END LOOP;
END $$;

INSERT INTO event (id, at, run_id, step_id, retention, level, kind, asset, message, data)
SELECT id, at, run_id, step_id, retention, level, kind, asset, message, data FROM event_sorted ORDER BY id;
DROP VIEW event_sorted;
DROP TABLE event_plain;

-- Ended runs are removed when their days are over, and ticks let go of them.
CREATE INDEX run_ended ON run (ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX tick_run ON tick (run_id) WHERE run_id IS NOT NULL;
