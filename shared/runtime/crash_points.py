"""Named places where a test may kill the process, to prove that nothing is lost or doubled there."""

import asyncio
import os
import signal
import sys

POINTS = (
    "after_poll",
    "after_decode",
    "statement_sent",
    "committed_reply_unread",
    "before_kafka_commit",
    "relay_read",
    "relay_produced_not_acknowledged",
    "relay_acknowledged_not_deleted",
)

_armed = ""


def arm(point: str) -> None:
    """Arm one point; the settings refuse it in production."""
    global _armed  # noqa: PLW0603 - one process, one armed point
    if point and point not in POINTS:
        raise ValueError(f"Unknown crash point {point!r}; the points are {', '.join(POINTS)}.")
    _armed = point


def is_armed(point: str) -> bool:
    return _armed == point


def reach(point: str) -> None:
    """Die by SIGKILL when this point is armed, after saying so."""
    if is_armed(point):
        sys.stderr.write(f"crash point {point}\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def reach_in_statement() -> None:
    """Die shortly after the coming statement was sent: a timer, because the call itself waits for the reply."""
    if is_armed("statement_sent"):
        asyncio.get_running_loop().call_later(0.001, reach, "statement_sent")
