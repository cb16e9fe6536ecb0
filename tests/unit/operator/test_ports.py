"""Ports drawn at once by several processes, none of which has bound its own yet."""

import asyncio
import sys

from deploy.local.ports import free_port

_DRAW = "from deploy.local.ports import free_port; print(*(free_port() for _ in range(150))); input()"


async def test_no_port_is_given_twice() -> None:
    mine = [free_port() for _ in range(150)]
    others = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _DRAW, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    theirs = []
    for other in others:  # all of them hold theirs until the last has drawn
        assert other.stdout is not None
        theirs += [int(port) for port in (await other.stdout.readline()).split()]
    await asyncio.gather(*(other.communicate(b"\n") for other in others))
    assert len(theirs) == 600
    assert len({*mine, *theirs}) == 750
