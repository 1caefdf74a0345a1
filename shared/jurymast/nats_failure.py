"""What nats-py raises when a server does not do what was asked: its own errors, and now and then a bare timeout."""

from nats.errors import Error

NATS_FAILURE = (Error, TimeoutError)

# JetStream's own codes, where an error's kind does not say enough.
STORAGE_FULL = 10002
"""The account's; an operator can make room, although the server calls it a bad request."""
WRONG_LAST_SEQUENCE = 10071
WRITE_IN_FLIGHT = 10164
"""Another guarded write of this subject is under way on a cluster: not an answer."""
