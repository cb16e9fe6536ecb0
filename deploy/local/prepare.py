"""`python -m deploy.local.prepare`: gets what the lanes of `make test` share, before they begin side by side.

Neither a package manager nor Maven's store bears two at once.
"""

import asyncio
import sys

from deploy.local import addresses, software
from deploy.local.stack import running_stack
from deploy.local.trouble import Trouble


async def _prepare() -> None:
    """A browser, and servers that were up once."""
    software.chromium(print)
    if addresses.given_addresses() is None:
        async with running_stack(ephemeral=True):
            pass


if __name__ == "__main__":
    try:
        asyncio.run(_prepare())
    except Trouble as trouble:
        sys.exit(str(trouble))
