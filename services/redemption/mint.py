"""Codes of vouchers: nobody can guess one, nothing keeps one.

A code follows from a secret setting and the voucher's id; tables and events hold its SHA-256 alone. So the member can
read it as often as they like, and whoever reads a table or a topic can use nothing.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final, Self
from uuid import UUID

from shared.runtime.http import ProblemError
from shared.runtime.settings import Settings

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_READ_AS: Final = str.maketrans("OIL", "011", "- ")
_GROUPS, _GROUP = 5, 4  # 20 characters of 5 bits: 100 bits
_KEY_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class VoucherMint:
    """`key` is GREENPOINTS_VOUCHER_KEY; with another one the codes of vouchers issued before cannot be shown."""

    key: bytes = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.voucher_key.get_secret_value().encode())

    def require_key(self) -> None:
        """Raises ProblemError 503 without a key."""
        if len(self.key) < _KEY_CHARACTERS:
            raise ProblemError(
                503,
                "VOUCHER_KEY_MISSING",
                f"Redemption has no key for voucher codes; set GREENPOINTS_VOUCHER_KEY to {_KEY_CHARACTERS} random "
                "characters or more, and never change it.",
            )

    def code(self, voucher_id: UUID) -> str:
        """Five groups of four characters. Raises ProblemError 503 without a key."""
        self.require_key()
        digits = int.from_bytes(hmac.digest(self.key, voucher_id.bytes, "sha256"))
        text = "".join(_ALPHABET[digits >> (5 * place) & 31] for place in range(_GROUPS * _GROUP))
        return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))

    def code_sha256(self, voucher_id: UUID) -> bytes:
        return hash_code(self.code(voucher_id))

    def shown(self, voucher_id: UUID, code_sha256: bytes) -> str:
        """The code of a voucher that was issued before. Raises ProblemError 503 where the key was changed since."""
        code = self.code(voucher_id)
        if hash_code(code) != code_sha256:
            raise ProblemError(
                503,
                "VOUCHER_KEY_CHANGED",
                "This voucher was issued under another GREENPOINTS_VOUCHER_KEY; set that key again.",
            )
        return code


def hash_code(code: str) -> bytes:
    """SHA-256 of a code however it was typed: capitals, dashes and blanks do not matter, O is 0, I and L are 1.

    One fast hash is enough: 100 random bits cannot be guessed.
    """
    return hashlib.sha256(code.upper().translate(_READ_AS).encode()).digest()
