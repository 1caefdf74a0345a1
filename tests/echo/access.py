"""What every role may do in a mesh with the echo service, and with whoever asks it."""

from __future__ import annotations

from jurymast.messages import catalog
from jurymast.permissions import Access
from tests.echo import messages
from tests.echo.streams import ECHO_TABLE

FAMILIES = (*catalog.FAMILIES, messages)
ECHO_ACCESS = Access(ECHO_TABLE, tuple(catalog.channels(*FAMILIES)), tuple(catalog.queries(*FAMILIES)))
