-- Cursors that carry over from run to run, and tables that grow batch by batch.

ALTER TABLE step
  -- its batches go straight into the target, in order; what is loaded stays, whatever begins anew
  ADD each_batch   boolean NOT NULL DEFAULT false,
  -- everything is fetched again, and takes the place of what is there
  ADD full_refresh boolean NOT NULL DEFAULT false,
  -- {"stored", "given"}: the cursor as its target had it when extraction began, and as the extractor was handed it
  ADD cursor_from  jsonb,
  -- the last one that a recorded page carried
  ADD cursor       jsonb;
ALTER TABLE batch ADD cursor jsonb;
