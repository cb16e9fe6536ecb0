"""What the routes of seals and exports answer; docs/verify_export.py reads it. Hashes are hexadecimal."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel


class BlockAnswer(BaseModel):
    """A sealed block: it takes all rows of the program with after_entry < entry_id <= up_to_entry."""

    block_no: int
    after_entry: int
    up_to_entry: int
    rows: int
    sealed_at: datetime
    root: str
    previous_hash: str
    block_hash: str


class BlocksAnswer(BaseModel):
    """A program's blocks, the oldest first; each names the hash of the one before."""

    program_id: str
    blocks: list[BlockAnswer]
    next_after: int | None


class ProvedRow(BaseModel):
    """A journal row; `path` leads from its place `index` up to its block's root. Without block: not sealed yet."""

    entry_id: int
    program_id: str
    member_id: str
    lot_id: UUID
    grant_id: UUID
    from_account: str
    to_account: str
    points: int
    cause_type: str
    cause_key: UUID
    cause_id: str
    business_time: datetime
    posted_at: datetime
    row_hash: str
    block_no: int | None
    index: int | None
    path: list[str]


class ExportAnswer(BaseModel):
    """Rows with their proofs, and the blocks that these name."""

    format: Literal["greenpoints-journal-1"] = "greenpoints-journal-1"
    program_id: str
    rows: list[ProvedRow]
    blocks: list[BlockAnswer]
    next_after: int | None
