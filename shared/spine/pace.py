"""How fast a consumer asks: one transaction costs much the same for one event as for fifty."""

from aiokafka import AIOKafkaConsumer

REST_SHARE = 0.25  # of the time that a batch took: four parts of work, one of rest


class Pace:
    """Rests between polls that come back to back, so that the next one serves more events.

    After a lone event there is no rest. In a stream of them it grows to `linger`, and to a share of what the last batch
    took (at most `longest`): where processor time is short, batches take longer, and fewer of them are what helps.
    """

    def __init__(self, linger: float, longest: float) -> None:
        self.linger, self.longest = linger, max(linger, longest)
        self._busy = 0

    def rest(self, worked: float, *, lone: bool) -> float:
        """Seconds to rest after a batch that took `worked` seconds. `lone`: nothing was done, or all that one poll may
        bring, so that waiting would gather nothing."""
        self._busy = 0 if lone else self._busy + 1
        if self._busy < 2:
            return 0.0
        return min(max(self.linger * min(1.0, self._busy / 3), REST_SHARE * worked), self.longest)


def hold(client: AIOKafkaConsumer) -> None:
    """Fetch nothing for now. The client fetches ahead: what it would hold by the next poll was fetched before the rest,
    and what came since would wait for one more round."""
    client.pause(*client.assignment())


def go_on(client: AIOKafkaConsumer) -> None:
    """Fetch everything that has come meanwhile."""
    client.resume(*client.paused())
