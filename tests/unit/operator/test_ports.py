"""Ports drawn at once by several processes, none of which has bound its own yet."""

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE, Process

from deploy.local.ports import chosen_port, free_port

_DRAW = "from deploy.local.ports import free_port; print(*(free_port() for _ in range(150))); input()"
_PREFER = "import sys; from deploy.local.ports import free_port; print(free_port(int(sys.argv[1]))); input()"


async def test_no_port_is_given_twice() -> None:
    mine = [free_port() for _ in range(150)]
    others = [await _asking(_DRAW) for _ in range(4)]
    theirs = [port for other in others for port in await _told(other)]  # all hold theirs until the last has drawn
    await asyncio.gather(*(_end(other) for other in others))
    assert len(theirs) == 600
    assert len({*mine, *theirs}) == 750


async def test_a_port_that_several_prefer_at_once_is_given_to_one_until_it_ends() -> None:
    wanted = free_port()
    askers = [await _asking(_PREFER, str(wanted)) for _ in range(4)]
    given = [(await _told(asker))[0] for asker in askers]
    assert len(set(given)) == 4
    assert given.count(wanted) == 1
    said: list[str] = []
    mine = chosen_port("Kafka", wanted, said.append)
    assert said == [f"Port {wanted} is taken by another program; Kafka uses {mine}."]
    await asyncio.gather(*(_end(asker) for asker in askers))
    assert free_port(wanted) == wanted


def test_a_preferred_port_is_ours_again_but_for_a_foreigner_who_has_it_meanwhile() -> None:
    wanted = free_port()
    assert [free_port(wanted), free_port(wanted)] == [wanted, wanted]
    with socket.socket() as foreigner:
        foreigner.bind(("127.0.0.1", wanted))
        foreigner.listen()
        assert free_port(wanted) != wanted


async def test_one_that_could_not_have_the_port_keeps_nobody_else_from_it() -> None:
    wanted = free_port()
    with socket.socket() as foreigner:
        foreigner.bind(("127.0.0.1", wanted))
        foreigner.listen()
        assert free_port(wanted) != wanted
    other = await _asking(_PREFER, str(wanted))
    assert await _told(other) == [wanted]
    await _end(other)


async def _asking(program: str, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", program, *arguments, stdin=PIPE, stdout=PIPE)


async def _told(asker: Process) -> list[int]:
    assert asker.stdout is not None
    return [int(port) for port in (await asker.stdout.readline()).split()]


async def _end(asker: Process) -> None:
    await asker.communicate(b"\n")
