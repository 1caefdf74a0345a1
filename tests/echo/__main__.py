"""ECHO_CONSUMERS_EVERY_S: how often it looks after its consumers."""

import os

from jurymast import service
from tests.echo.app import app
from tests.echo.settings import EchoSettings
from tests.echo.streams import ECHO_TABLE

service.CONSUMERS_EVERY_S = float(os.environ.get("ECHO_CONSUMERS_EVERY_S", service.CONSUMERS_EVERY_S))
service.run_service("echo", EchoSettings, app, table=ECHO_TABLE)
