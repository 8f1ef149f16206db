-- How far each target has got with its source: written in the transaction that publishes the rows.
CREATE TABLE cursor (
  target_schema text NOT NULL,
  target_name   text NOT NULL,
  value         jsonb NOT NULL,
  step_id       uuid NOT NULL,
  updated_at    timestamptz NOT NULL,
  PRIMARY KEY (target_schema, target_name)
);

-- The newest load of each part of a target that is replaced part by part.
CREATE TABLE part (
  target_schema text NOT NULL,
  target_name   text NOT NULL,
  -- the values of the columns it is replaced by
  value         jsonb NOT NULL,
  load_order    bigint NOT NULL,
  step_id       uuid NOT NULL,
  published_at  timestamptz NOT NULL,
  PRIMARY KEY (target_schema, target_name, value)
);
