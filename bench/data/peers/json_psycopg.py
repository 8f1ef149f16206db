"""Written by hand: requests, orjson, and COPY of text by psycopg."""

import orjson
import psycopg
import requests

from settings import TARGET, TARGET_URL, page_urls

ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def text(value):
    return value.translate(ESCAPES) if "\\" in value or not value.isprintable() else value


def array(values):
    if values is None:
        return "\\N"
    return text("{" + ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values) + "}")


def line(r):
    return (
        f"{r['id']}\t{text(r['hostname'])}\t{array(r['addresses'])}\t{'t' if r['authorized'] else 'f'}\t{r['created']}\t{r['expires']}\t"
        f"{r['lastSeen']}\t{text(r['name'])}\t{text(r['os'])}\t{array(r['tags'])}\t{text(r['user'])}\t{r['bytes']}\n"
    )


session = requests.Session()
with psycopg.connect(TARGET_URL) as connection, connection.cursor() as cursor, cursor.copy(f"COPY {TARGET} FROM STDIN") as copy:
    for url in page_urls():
        copy.write("".join(map(line, orjson.loads(session.get(url).content))))
