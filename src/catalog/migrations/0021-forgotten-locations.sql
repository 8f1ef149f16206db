-- Code locations that nobody works any more and an operator has forgotten, and schedules that the definitions in force no longer have.

ALTER TABLE location
  -- when somebody forgot it, and who: it has no version then. A worker that comes with it brings it back
  ADD COLUMN forgotten_at timestamptz,
  ADD COLUMN forgotten_by text,
  -- after that: whether its schedules and sensors were taken off the queue
  ADD COLUMN unscheduled  boolean NOT NULL DEFAULT false,
  -- when a worker of it was last alive, of those whose rows in process are gone
  ADD COLUMN seen_at      timestamptz;

-- Since when the definitions in force do not have it: what goes by until they have it again was not missed.
ALTER TABLE schedule ADD COLUMN gone_at timestamptz;
