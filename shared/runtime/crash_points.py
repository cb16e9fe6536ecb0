"""Named places where a test may kill or freeze the process, to prove that nothing is lost or doubled there."""

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
# Around the hand-over of an e-mail to its server, which no transaction of ours covers: notification alone passes them.
OUTWARD = ("email_claimed", "email_marked", "email_accepted_not_saved")
DECIDED = "decided"  # before the save is sent, so that a frozen process can be overtaken there
STOPS = (*POINTS, *OUTWARD, DECIDED)

_armed = ""
_passes = 0  # how often the armed point is still passed alive
_freezing = ""


def arm(point: str, after: int = 0) -> None:
    """Arm one point, to be passed `after` times first; the settings refuse it in production."""
    global _armed, _passes
    if point and point not in (*POINTS, *OUTWARD):
        raise ValueError(f"Unknown crash point {point!r}; the points are {', '.join((*POINTS, *OUTWARD))}.")
    _armed, _passes = point, after


def arm_stop(point: str) -> None:
    """Arm the one point at which the process freezes once; the settings refuse it in production."""
    global _freezing  # noqa: PLW0603 - one process, one armed point
    if point and point not in STOPS:
        raise ValueError(f"Unknown stop point {point!r}; the points are {', '.join(STOPS)}.")
    _freezing = point


def is_armed(point: str) -> bool:
    return _armed == point


def reach(point: str) -> None:
    """Die by SIGKILL when this point is armed, after saying so; freeze until SIGCONT where that is armed."""
    _freeze(point)
    if _is_due(point):
        _die(point)


def reach_in_statement() -> None:
    """Die shortly after the coming statement was sent: a timer, because the call itself waits for the reply."""
    _freeze(DECIDED)
    if _is_due("statement_sent"):
        asyncio.get_running_loop().call_later(0.001, _die, "statement_sent")


def _is_due(point: str) -> bool:
    global _passes  # noqa: PLW0603 - one process, one armed point
    if not is_armed(point):
        return False
    _passes -= 1
    return _passes < 0


def _die(point: str) -> None:
    sys.stderr.write(f"crash point {point}\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def _freeze(point: str) -> None:
    if point == _freezing:
        arm_stop("")
        sys.stderr.write(f"stop point {point}\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGSTOP)
