"""Every SQL statement of the notifier."""

from .cases import Ready, Store
from .outgoing import Attempt, Outgoing, Settled
from .reading import Reading

__all__ = ["Attempt", "Outgoing", "Reading", "Ready", "Settled", "Store"]
