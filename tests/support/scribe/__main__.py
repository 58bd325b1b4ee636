"""`python -m tests.support.scribe`."""

from shared.base.config import ServiceSettings
from shared.base.runtime import run

from . import build

if __name__ == "__main__":
    run(build, ServiceSettings)
