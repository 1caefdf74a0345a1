"""The one way to talk: typed publish, handlers with explicit acknowledgement, queries, dead letters, leases."""

from jurymast.bus.bus import Bus
from jurymast.bus.delivery import Delivery
from jurymast.bus.lease import Lease

__all__ = ["Bus", "Delivery", "Lease"]
