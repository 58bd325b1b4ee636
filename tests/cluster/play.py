"""Every sample complaint by web, hotline and e-mail, from inside the cluster: in the image, beside deploy.local.demo.

Argument: intake's address. Prints one line of JSON: what became of how many. AMENDS_TOKEN_KEY signs the tokens.
"""

import asyncio
import json
import os
import sys

from deploy.local.demo.sender import Sender, send_all
from shared.base.security import issue


async def main(intake: str) -> None:
    """Send them as the channels would, each with its own token."""
    key = os.environ["AMENDS_TOKEN_KEY"]
    tokens = {
        name: {"role": "channel", "token": issue(key, name=name, role="service", scopes=["complaints"], days=1)}
        for name in ("web", "hotline", "email")
    }
    sender = Sender(intake, tokens, "gateway.amends.example", "cluster")
    try:
        print(json.dumps(await send_all(sender)), flush=True)
    finally:
        await sender.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
