from jurymast.service import run_service
from tests.echo.app import app
from tests.echo.settings import EchoSettings
from tests.echo.streams import ECHO_TABLE

run_service("echo", EchoSettings, app, table=ECHO_TABLE)
