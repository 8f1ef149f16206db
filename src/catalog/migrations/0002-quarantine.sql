-- Records that did not fit their table, kept until somebody decides what becomes of them. Those of one batch are written before the batch
-- is encoded and replaced when it is transformed again, so each is here once.
CREATE TABLE quarantine (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  step_id      uuid NOT NULL REFERENCES step ON DELETE CASCADE,
  run_id       uuid NOT NULL REFERENCES run ON DELETE CASCADE,
  location     text NOT NULL,
  asset        text NOT NULL,
  version      text NOT NULL,
  generation   integer NOT NULL,
  ordinal      integer NOT NULL,
  -- where in the batch the record came, from 0
  record_index bigint NOT NULL,
  -- as a person finds it: 'record 17 (line 18) of page 1 of batch 0'
  place        text NOT NULL,
  -- JSON, as text: jsonb refuses what some records hold
  record       text NOT NULL,
  -- whether it holds values that JSON has not, such as times, as tags
  tagged       boolean NOT NULL,
  -- of a line that is no record: how its file is read
  format       jsonb,
  -- what its page handed to the transform
  page         jsonb,
  -- [{"column", "message", "value"}]
  issues       jsonb NOT NULL,
  state        text NOT NULL DEFAULT 'kept' CHECK (state IN ('kept', 'discarded', 'redriven')),
  -- the step that takes it through the code once more; no other one does while that may still publish
  redriven_by  uuid,
  at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (step_id, generation, ordinal, record_index)
);
CREATE INDEX quarantine_asset ON quarantine (location, asset, id) WHERE state = 'kept';
CREATE INDEX quarantine_run ON quarantine (run_id);
CREATE INDEX quarantine_redriven ON quarantine (redriven_by) WHERE redriven_by IS NOT NULL;

-- It takes its records from quarantine, and not from its source.
ALTER TABLE step ADD redrive boolean NOT NULL DEFAULT false;
ALTER TABLE batch ADD quarantined bigint NOT NULL DEFAULT 0;
