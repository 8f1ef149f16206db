"""Written by hand: urllib3, orjson, and COPY of text by psycopg."""

import orjson
import psycopg
import urllib3

from settings import TARGET, TARGET_URL, page_urls

NULL = "\\N"
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def escaped(value):
    return value.translate(ESCAPES)


def escaped_list(values):
    return escaped("{" + ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values) + "}")


def as_is(value):
    return value


def list_as_is(values):
    return '{"' + '","'.join(values) + '"}'


def lines(page):
    # Whatever COPY wants escaped, JSON has escaped as well: a page without a backslash has none of it.
    text, array = (escaped, escaped_list) if b"\\" in page else (as_is, list_as_is)
    return "".join(
        f"{r['id']}\t{text(r['hostname'])}\t{array(r['addresses'])}\t{'t' if r['authorized'] else 'f'}\t{r['created']}\t{r['expires']}\t"
        f"{r['lastSeen']}\t{text(r['name'])}\t{text(r['os'])}\t{NULL if r['tags'] is None else array(r['tags'])}\t{text(r['user'])}\t{r['bytes']}\n"
        for r in orjson.loads(page)
    )


pool = urllib3.PoolManager()
with psycopg.connect(TARGET_URL) as connection, connection.cursor() as cursor, cursor.copy(f"COPY {TARGET} FROM STDIN") as copy:
    for url in page_urls():
        copy.write(lines(pool.request("GET", url).data))
