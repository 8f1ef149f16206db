-- Where a step's table is: the destination as it was declared when the run was planned; NULL is the default one. Its fence, ledger and
-- staging lie there, so it stays the same for the step's life, whatever the definitions say later.
ALTER TABLE step ADD destination jsonb;

-- What keeps a worker from a destination. A row counts while its process lives, and while it is confirmed.
CREATE TABLE outage (
  process     uuid NOT NULL REFERENCES process ON DELETE CASCADE,
  location    text NOT NULL,
  destination text NOT NULL,
  reason      text NOT NULL,
  since       timestamptz NOT NULL,
  seen_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (process, location, destination)
);
