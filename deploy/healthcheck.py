"""The container's health check: ready, or not and why. Standard library only, and little of it: it runs every few seconds."""

from __future__ import annotations

import http.client
import os
import sys

connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["JURYMAST_HTTP_PORT"]), timeout=3)
try:
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        sys.exit(answer.read(1000).decode(errors="replace"))
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"no answer from /readyz: {error!r}")
