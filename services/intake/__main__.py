"""python -m services.intake"""

from services.intake.app import build
from services.intake.settings import Settings
from shared.base.runtime import run

if __name__ == "__main__":
    run(build, Settings)
