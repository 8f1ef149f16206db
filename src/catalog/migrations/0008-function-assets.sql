-- Steps of function assets, which a worker's function computes and an I/O manager stores.

ALTER TABLE step
  DROP CONSTRAINT step_kind_check,
  ADD CONSTRAINT step_kind_check CHECK (kind IN ('table', 'sql', 'function')),
  DROP CONSTRAINT step_status_check,
  ADD CONSTRAINT step_status_check CHECK (status IN
    ('waiting', 'preparing', 'extracting', 'loading', 'publishing', 'computing', 'running', 'retrying', 'succeeded', 'failed', 'canceled', 'skipped', 'superseded'));
