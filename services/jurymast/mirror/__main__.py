from jurymast.mirror.app import app
from jurymast.mirror.settings import MirrorSettings
from jurymast.service import run_service

run_service("mirror", MirrorSettings, app)
