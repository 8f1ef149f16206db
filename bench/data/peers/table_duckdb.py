"""DuckDB: from one attached database into a table that is there in another."""

import os

from duckdb_connection import connect
from settings import TARGET

connection = connect()
connection.execute(f"ATTACH '{os.environ['BENCH_ORIGIN_URL']}' AS origin (TYPE postgres, READ_ONLY)")
connection.execute(f"INSERT INTO target.{TARGET} SELECT * FROM origin.{os.environ['BENCH_ORIGIN_TABLE']}")
