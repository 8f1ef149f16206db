"""ingestr: it reads no pages, so it is given all records in one answer, one a line."""

from ingestr_run import run
from settings import ROWS, SOURCE_URL

run(f"{SOURCE_URL}/all.jsonl?rows={ROWS}", "moved#jsonl")
