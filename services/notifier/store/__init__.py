"""Every SQL statement of the notifier."""

from .attempts import Attempt, Ready
from .cases import Store
from .outgoing import Outgoing, Settled
from .reading import Reading

__all__ = ["Attempt", "Outgoing", "Reading", "Ready", "Settled", "Store"]
