"""`make clean`: stop what a killed run left and delete the state directory."""

import asyncio
import sys

from deploy.local import docker
from deploy.local.postgres import admin_password
from deploy.local.stack import default_state_dir, own_state, remove
from deploy.local.trouble import Trouble


async def clean() -> None:
    """Raises Trouble if a run is using the directory."""
    state_dir = default_state_dir()
    if not state_dir.exists():
        return
    async with own_state(state_dir, ephemeral=False, say=print):
        if docker.engine_version() is not None:
            unused = docker.Composed(docker.project_of(state_dir), 0, 0, admin_password(state_dir))
            await docker.compose(unused, "down", "--volumes")
        remove(state_dir)


if __name__ == "__main__":
    try:
        asyncio.run(clean())
    except Trouble as trouble:
        sys.exit(str(trouble))
