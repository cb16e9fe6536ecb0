"""A token bucket in whole numbers: nanoseconds and billionths of a token."""

from dataclasses import dataclass

_SECOND = 1_000_000_000  # nanoseconds, and parts of a token


@dataclass(slots=True)
class TokenBucket:
    """`rate` tokens a second, at most `burst` saved up; `level` is in billionths of a token, `at` in nanoseconds."""

    rate: int
    burst: int
    level: int
    at: int

    @classmethod
    def full(cls, rate: int, burst: int, now: int) -> "TokenBucket":
        return cls(rate, burst, burst * _SECOND, now)

    def take(self, tokens: int, now: int) -> int:
        """Take the tokens and return 0, or take none and return the seconds to wait, at least 1."""
        self.level = min(self.burst * _SECOND, self.level + max(0, now - self.at) * self.rate)
        self.at = now
        missing = tokens * _SECOND - self.level
        if missing <= 0:
            self.level -= tokens * _SECOND
            return 0
        return -(-missing // (self.rate * _SECOND))

    def give_back(self, tokens: int) -> None:
        """What was taken for nothing."""
        self.level = min(self.burst * _SECOND, self.level + tokens * _SECOND)
