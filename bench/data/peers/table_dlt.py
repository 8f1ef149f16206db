"""dlt: its sql_database source by Arrow, 100,000 rows at once; Parquet, ADBC."""

import os

from dlt_run import run
from dlt.sources.sql_database import sql_table
from settings import TABLE

schema, table = os.environ["BENCH_ORIGIN_TABLE"].split(".")
origin = os.environ["BENCH_ORIGIN_URL"].replace("postgres://", "postgresql+psycopg2://")
orders = sql_table(credentials=origin, schema=schema, table=table, backend="pyarrow", chunk_size=100_000, reflection_level="full_with_precision")
run(orders.with_name(TABLE), "parquet")
