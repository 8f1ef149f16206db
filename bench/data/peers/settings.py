"""What a peer is to do, read from its environment."""

import os

TARGET_URL = os.environ["BENCH_TARGET_URL"]
SCHEMA = os.environ["BENCH_TARGET_SCHEMA"]
TABLE = os.environ["BENCH_TARGET_TABLE"]
TARGET = f"{SCHEMA}.{TABLE}"
SOURCE_URL = os.environ["BENCH_SOURCE_URL"]
ROWS = int(os.environ["BENCH_ROWS"])
# A folder that is empty at each start.
STATE = os.environ["BENCH_STATE"]
PAGE_ROWS = 1000


def page_urls():
    return [f"{SOURCE_URL}/?rows={ROWS}&page={page}" for page in range((ROWS + PAGE_ROWS - 1) // PAGE_ROWS)]
