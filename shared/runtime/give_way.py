"""Batches can wait and people cannot: a process that takes the cores only as far as others leave them."""

import os
import time
from pathlib import Path

_TRIES, _PAUSE_SECONDS = 5, 0.2


def give_way(niceness: int, autogroup: Path = Path("/proc/self/autogroup")) -> None:
    """Take `niceness` (0 = nothing changes, 19 = the most) from now on.

    Where Linux shares cores out by session, as on desktops and small servers, the niceness of a process counts only
    within its session; there the session's is set too. What the system refuses is left as it is.
    """
    if not niceness:
        return
    os.nice(niceness)
    for _ in range(_TRIES):
        try:
            autogroup.write_text(str(niceness))
        except BlockingIOError:  # one session in a tenth of a second may
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            return
        else:
            return
