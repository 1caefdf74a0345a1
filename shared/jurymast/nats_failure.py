"""What nats-py raises when a server does not do what was asked: its own errors, and now and then a bare timeout."""

from nats.errors import Error

NATS_FAILURE = (Error, TimeoutError)

# JetStream's own codes, where an error's kind does not say enough.
STORAGE_FULL = 10002
"""The account's; an operator can make room, although the server calls it a bad request."""
WRONG_LAST_SEQUENCE = 10071
WRITE_IN_FLIGHT = 10164
"""Another guarded write of this subject is under way on a cluster: not an answer."""
STORE_FAILED = 10077
"""No room: in the stream, or on a subject that takes one message. Only the description says which."""
INCOMPLETE_BATCH = 10176
"""Parts of an atomic publish did not arrive, as at a change of the leader: nothing of it was stored."""
