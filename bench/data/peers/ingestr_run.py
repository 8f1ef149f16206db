"""Runs ingestr's program with one table into the target; the process becomes it."""

import os
import sys

from ingestr import binary_path
from settings import STATE, TARGET, TARGET_URL


def run(source_uri, source_table):
    try:
        program = binary_path()
    except Exception as error:
        sys.exit(f"Its program, which it fetches at its first use, could not be had: {error}")
    target = TARGET_URL.replace("postgres://", "postgresql://") + "?sslmode=disable"
    arguments = ["ingest", "--yes", "--progress", "log", "--source-uri", source_uri, "--source-table", source_table, "--dest-uri", target, "--dest-table", TARGET]
    os.execve(program, [program, *arguments], {**os.environ, "INGESTR_DISABLE_TELEMETRY": "true", "HOME": STATE})
