"""Runs sling's program with one stream into the target; the process becomes it."""

import importlib.resources
import json
import os

from settings import STATE, TARGET, TARGET_URL


def run(stream, connection=None, **options):
    program = str(importlib.resources.files("sling_linux_amd64") / "bin" / "sling-linux-amd64")
    os.chmod(program, 0o755)
    source = {"stream": stream, "options": options}
    if connection is not None:
        source["conn"] = connection
    task = {"source": source, "target": {"conn": f"{TARGET_URL}?sslmode=disable", "object": TARGET}, "mode": "full-refresh"}
    settings = {**os.environ, "SLING_DISABLE_TELEMETRY": "TRUE", "SLING_HOME_DIR": STATE}
    os.execve(program, [program, "run", "-c", json.dumps(task)], settings)
