-- What checks found, and not only the last time.

ALTER TABLE check_result
  ADD COLUMN severity text NOT NULL DEFAULT 'error' CHECK (severity IN ('warn', 'error')),
  -- what was expected and found, examples
  ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';

-- The last results of each check, a bounded number of them: whoever adds one takes away the oldest.
CREATE TABLE check_history (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  location text NOT NULL,
  asset    text NOT NULL,
  name     text NOT NULL,
  run_id   uuid NOT NULL,
  passed   boolean NOT NULL,
  blocking boolean NOT NULL,
  severity text NOT NULL DEFAULT 'error' CHECK (severity IN ('warn', 'error')),
  message  text NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}',
  at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX check_history_check ON check_history (location, asset, name, id DESC);
CREATE INDEX check_history_run ON check_history (run_id);

INSERT INTO check_history (location, asset, name, run_id, passed, blocking, message, at)
SELECT location, asset, name, run_id, passed, blocking, message, at FROM check_result ORDER BY at;
