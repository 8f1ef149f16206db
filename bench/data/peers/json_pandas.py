"""pandas: a frame of all records, to_sql with its defaults and the types that it cannot guess."""

import pandas
import requests
import sqlalchemy
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from settings import SCHEMA, TABLE, TARGET_URL, page_urls

session = requests.Session()
records = [record for url in page_urls() for record in session.get(url).json()]
frame = pandas.DataFrame.from_records(records)
for column in ("created", "expires", "lastSeen"):
    frame[column] = pandas.to_datetime(frame[column], format="ISO8601")
engine = sqlalchemy.create_engine(TARGET_URL.replace("postgres://", "postgresql+psycopg2://"))
lists = ARRAY(sqlalchemy.Text)
frame.to_sql(TABLE, engine, schema=SCHEMA, index=False, dtype={"id": UUID, "addresses": lists, "tags": lists})
