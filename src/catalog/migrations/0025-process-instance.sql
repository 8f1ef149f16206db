-- Who has taken a delivery off its queue: a process that was silent for too long registers anew under another id, and stays the same instance.

ALTER TABLE process ADD COLUMN instance uuid;
CREATE INDEX ON process (instance);
