"""sling: one table from database to database, as it comes."""

import os

from sling_run import run

run(os.environ["BENCH_ORIGIN_TABLE"], connection=f"{os.environ['BENCH_ORIGIN_URL']}?sslmode=disable")
