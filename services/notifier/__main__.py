"""python -m services.notifier"""

from shared.base.runtime import run

from .app import build
from .settings import Settings

if __name__ == "__main__":
    run(build, Settings)
