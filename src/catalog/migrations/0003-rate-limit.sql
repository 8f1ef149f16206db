-- How often something outside may be asked, by all workers of a location together: a generic cell rate (GCRA), of which only the next turn is kept.
-- A row is changed with each turn, so its pages keep room for that; no index is touched.
CREATE TABLE rate_limit (
  location     text NOT NULL,
  name         text NOT NULL,
  -- when the next turn would be due if none were saved up
  next_at      timestamptz NOT NULL,
  -- until then nobody gets a turn: a server asked for that
  paused_until timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (location, name)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
