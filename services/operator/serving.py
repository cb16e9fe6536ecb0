"""Requests before batches on one machine: how many processes of redemption answer, and how far workers give way."""

import os

from deploy.local.trouble import Trouble

SETTING = "GREENPOINTS_SERVING_PROCESSES"
NICENESS_SETTING = "GREENPOINTS_NICENESS"
_WORKERS_NICENESS = "5"  # a third of the core where somebody else wants it too, all of it where nobody does
_MOST_BY_ITSELF, _MOST = 4, 64


def serving_processes() -> int:
    """What the setting says, else one for every second core, four at most: the database wants the others.

    Raises Trouble for a setting that is no number from 1 to 64.
    """
    text = os.environ.get(SETTING)
    if not text:
        return max(1, min(_MOST_BY_ITSELF, (os.cpu_count() or 1) // 2))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST):
        raise Trouble(
            "SERVING_PROCESSES_UNUSABLE",
            f"{SETTING} is {text!r}.",
            f"Set it to a number from 1 to {_MOST}, or leave it unset.",
        )
    return int(text)


def workers_niceness() -> str:
    """What the setting says for all processes, else enough that a request does not wait for a batch."""
    return os.environ.get(NICENESS_SETTING) or _WORKERS_NICENESS
