-- What must hold in the destination is kept in the destination.

-- Order among the runs of one asset: a number from here, never a clock.
CREATE SEQUENCE load_order;

-- The fence: one row per step. A load or publish compares generation and state here, in its own transaction.
CREATE TABLE step (
  step_id       uuid PRIMARY KEY,
  target_schema text NOT NULL,
  target_name   text NOT NULL,
  generation    integer NOT NULL,
  state         text NOT NULL CHECK (state IN ('open', 'published', 'superseded', 'abandoned')),
  load_order    bigint NOT NULL,
  result        jsonb,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at      timestamptz
);

-- The batch ledger: a row here is written in the transaction that copies the batch's rows.
CREATE TABLE batch (
  step_id    uuid NOT NULL REFERENCES step ON DELETE CASCADE,
  generation integer NOT NULL,
  ordinal    integer NOT NULL,
  records    bigint NOT NULL,
  filtered   bigint NOT NULL,
  rows       bigint NOT NULL,
  loaded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (step_id, generation, ordinal)
);

-- The newest load that each target holds.
CREATE TABLE target (
  target_schema text NOT NULL,
  target_name   text NOT NULL,
  load_order    bigint NOT NULL,
  step_id       uuid NOT NULL,
  published_at  timestamptz NOT NULL,
  PRIMARY KEY (target_schema, target_name)
);
