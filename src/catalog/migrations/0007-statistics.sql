-- What each stage took for a batch, and what is known of its columns' values.

ALTER TABLE batch
  -- milliseconds that a worker was at it; NULL while it was not yet, and of versions that did not measure
  ADD extract_ms   integer,
  ADD transform_ms integer,
  ADD load_ms      integer,
  -- deflated; put together when its step is published, and then given up
  ADD statistics   bytea;
-- It is compressed already.
ALTER TABLE batch ALTER statistics SET STORAGE EXTERNAL;
