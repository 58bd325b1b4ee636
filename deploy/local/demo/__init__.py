"""The demo: sample complaints, an example client that sends them, and the story that is told with them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.local.stack import Stack


def extra_env() -> dict[str, dict[str, str]]:
    """Service → variables of the demo's data files."""
    from . import story

    return story.extra_env()


def run(stack: "Stack") -> int:
    """Tell the story, write and print demo.json; 1 and the names of what is missing when it is not whole."""
    from . import story

    return story.run(stack)
