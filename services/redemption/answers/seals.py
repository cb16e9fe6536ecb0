"""What is answered of the state of the seals, and of a look whether they hold."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

Broken = Literal["ROWS_CHANGED", "TREE_CHANGED", "BLOCK_CHANGED", "CHAIN_BROKEN"]


class SealHead(BaseModel):
    """A program's last block, null where nothing is sealed yet. A block's number is also how many there are."""

    program_id: str
    block_no: int | None = None
    rows: int | None = None
    sealed_at: datetime | None = None
    block_hash: str | None = None


class SealsAnswer(BaseModel):
    """Everything up to `up_to_entry` is sealed since `sealed_at`; `waiting` entry ids were drawn after it."""

    as_of: datetime
    up_to_entry: int
    sealed_at: datetime
    waiting: int
    programs: list[SealHead]


class SealBreak(BaseModel):
    """A block that does not hold: its rows, its tree, its own fields, or its link to the block beside it."""

    block_no: int
    wrong: Broken


class SealsVerified(BaseModel):
    """So many blocks from `newest` down to `oldest` were computed anew with their rows; none broken means untouched.

    Both are null where there are none.
    """

    program_id: str
    as_of: datetime
    blocks: int
    newest: int | None
    oldest: int | None
    rows: int
    broken: list[SealBreak]
