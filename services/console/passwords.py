"""Hashing and checking passwords with argon2id, two at a time: each takes 64 MiB and a core for a moment."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError


class Passwords:
    """Slow on purpose; runs beside the event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turns = asyncio.Semaphore(2)
        self._nobodys = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, password: str, password_hash: str | None) -> bool:
        """For an unknown name (None) it takes as long and is False, so that time tells nobody which names exist."""
        async with self._turns:
            fits = await asyncio.to_thread(self._verify, password, password_hash or self._nobodys)
        return fits and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Made with less effort than is asked for now."""
        return self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (Argon2Error, InvalidHashError):
            return False
