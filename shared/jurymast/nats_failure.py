"""What nats-py raises when a server does not do what was asked: its own errors, and now and then a bare timeout."""

from nats.errors import Error

NATS_FAILURE = (Error, TimeoutError)
