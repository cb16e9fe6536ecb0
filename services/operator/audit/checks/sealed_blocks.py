"""Invariant 6: the journal is what it was when its rows were sealed (C29)."""

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.seals import read_seals
from services.operator.audit.verdict import Found


async def _look(evidence: Evidence) -> Found:
    books = await read_seals(evidence.connection, evidence.programs)
    return Found(books.rows, len(books.wrong), books.wrong[:ROWS_SHOWN])


CHECK = Check(
    6,
    "sealed blocks",
    "no sealed journal row was changed, removed or inserted, and the blocks form one chain per program",
    _look,
)
