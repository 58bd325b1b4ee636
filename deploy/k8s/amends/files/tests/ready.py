"""`helm test`: every service answers that it is ready, and shows metrics. Arguments: the services' addresses."""

import sys
import time
import urllib.request

# A new pod's first connections may be refused until every node's network policies know it.
PATIENCE = 30


def check(address: str) -> None:
    """Raises OSError when the service is not ready or does not answer within 10 seconds."""
    for path, expected in (("/readyz", b'"ok"'), ("/healthz", b'"ok"'), ("/metrics", b"amends_")):
        with urllib.request.urlopen(address + path, timeout=10) as answer:
            if expected not in answer.read():
                raise OSError(f"{address}{path} answered something else")
    print(f"{address} is ready")


if __name__ == "__main__":
    started = time.monotonic()
    for given in sys.argv[1:]:
        while True:
            try:
                check(given)
                break
            except OSError as failure:
                if time.monotonic() - started > PATIENCE:
                    sys.exit(f"{given}: {failure}")
                time.sleep(0.5)
