"""sling: the file as it comes."""

import os

from sling_run import run

run(f"file://{os.environ['BENCH_FILE']}", format="csv")
