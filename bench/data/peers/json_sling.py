"""sling: it reads no pages, so it is given all records in one answer, one a line."""

from settings import ROWS, SOURCE_URL
from sling_run import run

run(f"{SOURCE_URL}/all.jsonl?rows={ROWS}", flatten=True, format="jsonlines")
