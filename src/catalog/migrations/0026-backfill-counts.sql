-- What lists of backfills show, without reading plans and parts: a plan with 100,000 dynamic keys has 4 MiB.

-- How many units its plan has. NULL of what a version before this one started. First of all, so that whoever advances a backfill waits before he holds its parts.
ALTER TABLE backfill ADD COLUMN units integer;
UPDATE backfill SET units = jsonb_array_length(plan -> 'units');

-- How many parts of each unit of a backfill stand how. Kept, because a page of fifty backfills of 100,000 partitions would else count five million rows.

CREATE TABLE backfill_count (
  backfill_id uuid NOT NULL REFERENCES backfill ON DELETE CASCADE,
  unit        integer NOT NULL,
  status      text NOT NULL,
  parts       integer NOT NULL,
  PRIMARY KEY (backfill_id, unit, status)
) WITH (fillfactor = 50);

-- By triggers, as producers of the version before change parts, too. Whoever changes parts holds their backfill's lock, so that nobody waits for another's counts. Parts are
-- only deleted together with their backfill, and its counts with them.
CREATE FUNCTION count_backfill_parts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO millrace.backfill_count AS c (backfill_id, unit, status, parts)
    SELECT backfill_id, unit, status, count(*) FROM parts_after GROUP BY 1, 2, 3
    ON CONFLICT (backfill_id, unit, status) DO UPDATE SET parts = c.parts + excluded.parts;
  ELSE
    INSERT INTO millrace.backfill_count AS c (backfill_id, unit, status, parts)
    SELECT backfill_id, unit, status, sum(n)
    FROM (SELECT backfill_id, unit, status, 1 AS n FROM parts_after UNION ALL SELECT backfill_id, unit, status, -1 FROM parts_before) changed
    GROUP BY 1, 2, 3 HAVING sum(n) <> 0
    ON CONFLICT (backfill_id, unit, status) DO UPDATE SET parts = c.parts + excluded.parts;
  END IF;
  RETURN NULL;
END $$;

-- Locks the parts until the commit, so that what is counted below is whole.
CREATE TRIGGER count_inserted AFTER INSERT ON backfill_part REFERENCING NEW TABLE AS parts_after
  FOR EACH STATEMENT EXECUTE FUNCTION count_backfill_parts();
CREATE TRIGGER count_updated AFTER UPDATE ON backfill_part REFERENCING OLD TABLE AS parts_before NEW TABLE AS parts_after
  FOR EACH STATEMENT EXECUTE FUNCTION count_backfill_parts();

INSERT INTO backfill_count SELECT backfill_id, unit, status, count(*) FROM backfill_part GROUP BY 1, 2, 3;
