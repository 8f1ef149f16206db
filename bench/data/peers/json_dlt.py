"""dlt: `default` (records, INSERT), `csv` (records, COPY), `arrow` (Arrow tables of 50,000 rows, lists as JSON, Parquet, ADBC)."""

import sys

import dlt
import orjson
import pyarrow
import requests
from dlt_run import run
from settings import TABLE, page_urls

WAY = sys.argv[1]
ARROW_PAGES = 50
LISTS = ("addresses", "tags")
TIMES = ("created", "expires", "lastSeen")

session = requests.Session()


def table(pages):
    records = [record for page in pages for record in orjson.loads(page)]
    for record in records:
        for name in LISTS:
            if record[name] is not None:
                record[name] = orjson.dumps(record[name]).decode()
    columns = pyarrow.Table.from_pylist(records)
    for name in TIMES:
        index = columns.schema.get_field_index(name)
        columns = columns.set_column(index, name, columns[name].cast(pyarrow.timestamp("us", "UTC")))
    return columns


@dlt.resource(name=TABLE, columns={name: {"data_type": "json"} for name in LISTS} if WAY == "arrow" else None)
def records():
    urls = page_urls()
    if WAY == "arrow":
        for first in range(0, len(urls), ARROW_PAGES):
            yield table([session.get(url).content for url in urls[first : first + ARROW_PAGES]])
    else:
        for url in urls:
            yield orjson.loads(session.get(url).content)


run(records, {"default": None, "csv": "csv", "arrow": "parquet"}[WAY])
