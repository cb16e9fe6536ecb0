"""TCP ports of 127.0.0.1 for processes that are about to be started."""

import contextlib
import fcntl
import itertools
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.local.processes import Say
from deploy.local.trouble import Trouble

# Below the range the system takes for outgoing connections, so that none can step in meanwhile.
_BLOCKS = range(20_000, 32_000, 100)


def free_port(preferred: int | None = None) -> int:
    """A port nobody listens on and no other process of ours was given, `preferred` if that is such; others only once.

    Raises Trouble NO_FREE_PORT when there is none.
    """
    if preferred and _claimed(preferred):
        return preferred
    return next(port for port in _drawn if _is_free(port))


def chosen_port(purpose: str, preferred: int | None, say: Say) -> int:
    """`preferred`, or another one with a sentence when a foreign program holds it."""
    port = free_port(preferred)
    if preferred and port != preferred:
        say(f"Port {preferred} is taken by another program; {purpose} uses {port}.")
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


def _claimed(port: int) -> bool:
    """True if `port` is free and ours: two runs that start together may prefer the same one."""
    if port in _claims:
        return _is_free(port)
    if (lock := _locked(f"preferred-{port}")) is None:
        return False
    if not _is_free(port):
        os.close(lock)
        return False
    _claims[port] = lock
    return True


def _draw() -> Iterator[int]:
    """Ports of blocks that this process holds by a file lock, which ends with it, however it ends.

    A port looks free until the process it was drawn for binds it: without the lock two draws could give the same.
    """
    mine: list[range] = []
    held: list[int] = []  # the open files behind the locks
    while True:
        for block in random.sample(_BLOCKS, len(_BLOCKS)):
            if (lock := _locked(str(block))) is not None:
                held.append(lock)
                mine.append(range(block, block + _BLOCKS.step))
                yield from mine[-1]
                break
        else:
            if not mine:
                raise Trouble(
                    "NO_FREE_PORT", "No free TCP port was found on 127.0.0.1.", "Stop some programs and try again."
                )
            yield from itertools.chain(*mine)  # used before, and perhaps free again


def _locked(name: str) -> int | None:
    folder = Path(tempfile.gettempdir()) / f"greenpoints-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder / name, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


_drawn = _draw()
_claims: dict[int, int] = {}  # preferred ports and the open files behind their locks
