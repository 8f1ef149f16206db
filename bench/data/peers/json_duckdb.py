"""DuckDB: read_json of all pages, into a table that is there, by its Postgres extension."""

from duckdb_connection import connect
from settings import TARGET, page_urls

connection = connect("httpfs")
# The server answers no ranges.
connection.execute("SET force_download = true")
connection.execute(
    f"""
    INSERT INTO target.{TARGET}
    SELECT * FROM read_json($1, format = 'array', columns = {{
      id: 'UUID', hostname: 'VARCHAR', addresses: 'VARCHAR[]', authorized: 'BOOLEAN', created: 'TIMESTAMPTZ', expires: 'TIMESTAMPTZ',
      lastSeen: 'TIMESTAMPTZ', name: 'VARCHAR', os: 'VARCHAR', tags: 'VARCHAR[]', "user": 'VARCHAR', bytes: 'BIGINT'
    }})
    """,
    [page_urls()],
)
