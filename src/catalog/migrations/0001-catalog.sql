-- The catalogue: Postgres holds the truth, a queue job is only a pointer to a row here.

-- Facts of the whole installation, set once: the id of the spool that its workers share.
CREATE TABLE setting (
  name  text PRIMARY KEY,
  value jsonb NOT NULL
);

CREATE TABLE manifest (
  location     text NOT NULL,
  version      text NOT NULL,
  document     jsonb NOT NULL,
  published_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (location, version)
);

-- A code location and the manifest that new runs are planned from.
CREATE TABLE location (
  name       text PRIMARY KEY,
  version    text,
  -- what a person should know while looking at it: that a simulator stands in, for one
  notice     text,
  -- why its definitions did not load the last time; the last good version stays in force
  error      jsonb,
  updated_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (name, version) REFERENCES manifest (location, version)
);

-- One session of a process. Claims point here: a claim lives as long as its session's lease.
CREATE TABLE process (
  id          uuid PRIMARY KEY,
  role        text NOT NULL CHECK (role IN ('worker', 'producers', 'board')),
  host        text NOT NULL,
  pid         integer NOT NULL,
  -- queue kinds worked (extract, transform, …) and location → manifest version; workers only
  queues      text[] NOT NULL DEFAULT '{}',
  versions    jsonb NOT NULL DEFAULT '{}',
  -- the id of the spool it sees
  spool       text,
  problem     text,
  -- it works for one run and ends with it: nobody else may count on it
  temporary   boolean NOT NULL DEFAULT false,
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  lease_until timestamptz NOT NULL
);
CREATE INDEX process_lease ON process (lease_until);

CREATE TABLE leader (
  name        text PRIMARY KEY,
  holder      uuid NOT NULL,
  epoch       bigint NOT NULL,
  lease_until timestamptz NOT NULL
);

CREATE TABLE run (
  id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  location            text NOT NULL,
  version             text NOT NULL,
  status              text NOT NULL DEFAULT 'started' CHECK (status IN ('started', 'canceling', 'succeeded', 'failed', 'canceled')),
  assets              text[] NOT NULL,
  config              jsonb NOT NULL DEFAULT '{}',
  tags                jsonb NOT NULL DEFAULT '{}',
  launched_by         text NOT NULL,
  idempotency_key     text UNIQUE,
  created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  cancel_requested_at timestamptz,
  ended_at            timestamptz,
  FOREIGN KEY (location, version) REFERENCES manifest (location, version)
);
CREATE INDEX run_created ON run (created_at DESC, id);
CREATE INDEX run_open ON run (status) WHERE status IN ('started', 'canceling');

CREATE TABLE step (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  run_id          uuid NOT NULL REFERENCES run ON DELETE CASCADE,
  location        text NOT NULL,
  asset           text NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('table', 'sql')),
  -- assets of the same run that must have succeeded first
  upstream        text[] NOT NULL,
  status          text NOT NULL CHECK (status IN
    ('waiting', 'preparing', 'extracting', 'loading', 'publishing', 'computing', 'retrying', 'succeeded', 'failed', 'canceled', 'skipped', 'superseded')),
  -- while retrying or failed: the status it was in
  resume_status   text,
  -- the manifest version it runs under
  version         text NOT NULL,
  -- tries, from 1
  attempt         integer NOT NULL DEFAULT 1,
  next_attempt_at timestamptz,
  -- the fencing token: drawn by each claim, compared by each write of the claim's holder
  claim           integer NOT NULL DEFAULT 0,
  claimed_by      uuid,
  claimed_at      timestamptz,
  -- how often claims were lost to a dead process since anything moved
  lost_claims     integer NOT NULL DEFAULT 0,
  -- the delivery that may claim it, and since when it should be in a queue
  enqueued        integer NOT NULL DEFAULT 0,
  enqueued_at     timestamptz,
  -- one filling of the staging table
  generation      integer NOT NULL DEFAULT 1,
  -- batches recorded in this generation
  batches         integer NOT NULL DEFAULT 0,
  sealed_at       timestamptz,
  position        jsonb,
  -- the destination session of the claim's holder, so that a takeover can end it
  backend_pid     integer,
  backend_start   timestamptz,
  result          jsonb,
  error           jsonb,
  started_at      timestamptz,
  ended_at        timestamptz,
  -- when staging and spool files of an ended step were removed
  cleaned_at      timestamptz,
  UNIQUE (run_id, asset)
);
CREATE INDEX step_open ON step (status) WHERE status NOT IN ('waiting', 'succeeded', 'failed', 'canceled', 'skipped', 'superseded');
CREATE INDEX step_uncleaned ON step (ended_at) WHERE cleaned_at IS NULL AND ended_at IS NOT NULL;
CREATE INDEX step_asset ON step (location, asset, started_at DESC);

CREATE TABLE batch (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  step_id        uuid NOT NULL REFERENCES step ON DELETE CASCADE,
  generation     integer NOT NULL,
  ordinal        integer NOT NULL,
  status         text NOT NULL DEFAULT 'recorded' CHECK (status IN ('recorded', 'encoded', 'loaded')),
  claim          integer NOT NULL DEFAULT 0,
  claimed_by     uuid,
  claimed_at     timestamptz,
  enqueued       integer NOT NULL DEFAULT 1,
  enqueued_at    timestamptz DEFAULT clock_timestamp(),
  -- spool references: name, length in bytes, CRC-32
  raw            jsonb NOT NULL,
  encoded        jsonb,
  position       jsonb,
  records        bigint,
  filtered       bigint,
  rows           bigint,
  backend_pid    integer,
  backend_start  timestamptz,
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  encoded_at     timestamptz,
  loaded_at      timestamptz,
  UNIQUE (step_id, generation, ordinal)
) WITH (fillfactor = 70);
CREATE INDEX batch_open ON batch (step_id, generation) WHERE status <> 'loaded';

CREATE TABLE schedule (
  location   text NOT NULL,
  name       text NOT NULL,
  stopped    boolean NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (location, name)
);

CREATE TABLE tick (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  location     text NOT NULL,
  schedule     text NOT NULL,
  scheduled_at timestamptz NOT NULL,
  -- 'clock', 'first start' or 'missed'
  cause        text NOT NULL,
  status       text NOT NULL CHECK (status IN ('launched', 'failed')),
  run_id       uuid REFERENCES run ON DELETE SET NULL,
  error        jsonb,
  at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (location, schedule, scheduled_at)
);

CREATE TABLE event (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  run_id  uuid REFERENCES run ON DELETE CASCADE,
  step_id uuid,
  asset   text,
  kind    text NOT NULL,
  level   text NOT NULL DEFAULT 'info' CHECK (level IN ('debug', 'info', 'warn', 'error')),
  message text NOT NULL,
  data    jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX event_run ON event (run_id, id);

-- What an asset was last; never dropped by retention.
CREATE TABLE asset (
  location        text NOT NULL,
  key             text NOT NULL,
  run_id          uuid,
  materialized_at timestamptz NOT NULL,
  metadata        jsonb NOT NULL,
  PRIMARY KEY (location, key)
);

CREATE TABLE check_result (
  location text NOT NULL,
  asset    text NOT NULL,
  name     text NOT NULL,
  run_id   uuid NOT NULL,
  passed   boolean NOT NULL,
  blocking boolean NOT NULL,
  message  text NOT NULL,
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (location, asset, name)
);
