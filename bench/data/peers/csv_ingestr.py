"""ingestr: the file as it comes."""

import os

from ingestr_run import run

run(f"csv://{os.environ['BENCH_FILE']}", "orders")
