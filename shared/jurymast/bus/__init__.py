"""The one way to talk: typed publish, handlers with explicit acknowledgement, queries, dead letters, leases, outbox."""

from jurymast.bus.bus import Bus
from jurymast.bus.delivery import Delivery
from jurymast.bus.lease import Lease
from jurymast.bus.outbox import Outbox

__all__ = ["Bus", "Delivery", "Lease", "Outbox"]
