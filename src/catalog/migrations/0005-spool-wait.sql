-- Why a step waits for the spool, which is full or does not answer, and when somebody last found it so. The waiting is over when the reason
-- is gone, or when nobody has said it for a while.
ALTER TABLE step ADD spool_wait text, ADD spool_waited_at timestamptz;
