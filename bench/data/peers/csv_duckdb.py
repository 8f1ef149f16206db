"""DuckDB: read_csv with the columns' types, into a table that is there, by its Postgres extension."""

import os

from duckdb_connection import connect
from settings import TARGET

connect().execute(
    f"""
    INSERT INTO target.{TARGET}
    SELECT * FROM read_csv($1, header = true, columns = {{
      id: 'BIGINT', key: 'UUID', customer: 'VARCHAR', quantity: 'INTEGER', price: 'DECIMAL(12,2)', weight: 'DOUBLE',
      paid: 'BOOLEAN', placed: 'DATE', updated: 'TIMESTAMPTZ', note: 'VARCHAR', coupon: 'VARCHAR', discount: 'DECIMAL(5,2)'
    }})
    """,
    [os.environ["BENCH_FILE"]],
)
