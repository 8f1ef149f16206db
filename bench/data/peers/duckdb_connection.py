"""DuckDB with the target attached. Its extensions are those of the packages: nothing is downloaded."""

import importlib.resources

import duckdb

from settings import TARGET_URL


def load(connection, name):
    folder = importlib.resources.files(f"duckdb_extension_{name}") / "extensions" / f"v{duckdb.__version__}"
    connection.execute(f"LOAD '{folder / name}.duckdb_extension'")


def connect(*extensions):
    connection = duckdb.connect()
    for name in ("postgres_scanner", *extensions):
        load(connection, name)
    connection.execute(f"ATTACH '{TARGET_URL}' AS target (TYPE postgres)")
    return connection
