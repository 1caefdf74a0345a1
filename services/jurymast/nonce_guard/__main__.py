from jurymast.nonce_guard.app import app
from jurymast.nonce_guard.settings import NonceGuardSettings
from jurymast.service import run_service

run_service("nonce-guard", NonceGuardSettings, app)
