-- Sensors: functions that look at something outside and ask for runs.

CREATE TABLE sensor (
  location     text NOT NULL,
  name         text NOT NULL,
  stopped      boolean NOT NULL,
  -- what its function answered last, for its next evaluation
  cursor       jsonb,
  first_seen   timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- the fencing token of an evaluation, and whose it is
  claim        integer NOT NULL DEFAULT 0,
  claimed_by   uuid,
  claimed_at   timestamptz,
  evaluated_at timestamptz,
  -- evaluations that were asked for by hand or by a webhook: the last is the delivery that is wanted
  asked        integer NOT NULL DEFAULT 0,
  asked_at     timestamptz,
  PRIMARY KEY (location, name)
);

-- What a webhook brought, until an evaluation has taken it.
CREATE TABLE sensor_message (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  location    text NOT NULL,
  sensor      text NOT NULL,
  body        jsonb NOT NULL,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sensor_message_of ON sensor_message (location, sensor, id);

CREATE TABLE sensor_tick (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  location    text NOT NULL,
  sensor      text NOT NULL,
  -- 'clock', 'retry', 'webhook' or 'hand'
  cause       text NOT NULL,
  began_at    timestamptz NOT NULL,
  ended_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  status      text NOT NULL CHECK (status IN ('launched', 'skipped', 'failed')),
  -- why it asked for nothing
  reason      text,
  runs        uuid[] NOT NULL DEFAULT '{}',
  -- requests whose run key had a run already
  known       integer NOT NULL DEFAULT 0,
  error       jsonb,
  -- lines that its function wrote
  log         jsonb NOT NULL DEFAULT '[]',
  -- evaluations after this one that skipped for the same reason are counted here and have no row
  repeated    integer NOT NULL DEFAULT 0
);
CREATE INDEX sensor_tick_of ON sensor_tick (location, sensor, id DESC);
CREATE INDEX sensor_tick_ended ON sensor_tick (ended_at);
