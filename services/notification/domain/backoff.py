"""How long to wait before an e-mail is tried again."""

from datetime import timedelta

_LONGEST = timedelta(hours=6)


def pause_after(attempts: int, first: timedelta) -> timedelta:
    """Doubling from `first` after the first attempt, six hours at most."""
    return min(first * (1 << min(attempts - 1, 20)), _LONGEST)
