"""Programs that tests take from Debian's packages (tests/packages.txt)."""

import os
import shutil

import pytest


def program(name: str, package: str) -> str:
    """Where a program is. Without it the test is skipped, saying what to install; under CI it fails."""
    path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin")
    if path:
        return path
    message = f"{name} is missing: apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
