"""ingestr: one table from database to database, as it comes."""

import os

from ingestr_run import run

run(os.environ["BENCH_ORIGIN_URL"].replace("postgres://", "postgresql://") + "?sslmode=disable", os.environ["BENCH_ORIGIN_TABLE"])
