"""Runs one dlt resource into the target, in a pipeline that nobody has run before."""

import os

from settings import SCHEMA, STATE, TARGET_URL

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
# Its files stay on this machine: gzip took a third of its time.
os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"

import dlt  # noqa: E402 (it reads these settings)


def run(resource, files=None):
    """`files`: insert_values (its default), csv (loaded by COPY) or parquet (by ADBC, which is COPY too)."""
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=STATE,
        dataset_name=SCHEMA,
        destination=dlt.destinations.postgres(TARGET_URL.replace("postgres://", "postgresql://")),
    )
    pipeline.run(resource, write_disposition="replace", loader_file_format=files).raise_on_failed_jobs()
