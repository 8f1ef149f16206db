"""dlt: record batches of pyarrow's CSV reader, with the columns' types; Parquet, ADBC."""

import os

import dlt
import pyarrow
from dlt_run import run
from pyarrow import csv
from settings import TABLE

TYPES = {
    "id": pyarrow.int64(),
    "key": pyarrow.string(),
    "customer": pyarrow.string(),
    "quantity": pyarrow.int32(),
    "price": pyarrow.decimal128(12, 2),
    "weight": pyarrow.float64(),
    "paid": pyarrow.bool_(),
    "placed": pyarrow.date32(),
    "updated": pyarrow.timestamp("us", "UTC"),
    "note": pyarrow.string(),
    "coupon": pyarrow.string(),
    "discount": pyarrow.decimal128(5, 2),
}


@dlt.resource(name=TABLE)
def orders():
    # An empty value is NULL.
    converting = csv.ConvertOptions(column_types=TYPES, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False)
    reader = csv.open_csv(os.environ["BENCH_FILE"], read_options=csv.ReadOptions(block_size=16 << 20), convert_options=converting)
    for batch in reader:
        yield pyarrow.Table.from_batches([batch])


run(orders, "parquet")
