"""`helm test`: every service answers that it is ready, and shows metrics. Arguments: the services' addresses."""

import sys
import urllib.request


def check(address: str) -> None:
    """Raises OSError when the service is not ready or does not answer within 10 seconds."""
    for path, expected in (("/readyz", b'"ok"'), ("/healthz", b'"ok"'), ("/metrics", b"amends_")):
        with urllib.request.urlopen(address + path, timeout=10) as answer:
            if expected not in answer.read():
                raise OSError(f"{address}{path} answered something else")
    print(f"{address} is ready")


if __name__ == "__main__":
    for given in sys.argv[1:]:
        try:
            check(given)
        except OSError as failure:
            sys.exit(f"{given}: {failure}")
