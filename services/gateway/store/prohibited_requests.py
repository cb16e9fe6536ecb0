"""The SQL of the audit records of prohibited requests."""

from uuid import UUID

from shared.events.reason_codes import Reason
from shared.runtime.postgres import Pool

_RECORD = """
INSERT INTO prohibited_request (request_id, code, control, method, path, key_id) VALUES ($1, $2, $3, $4, $5, $6)
"""


class ProhibitedRequestStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def record(self, request_id: UUID, reason: Reason, method: str, path: str, key_id: str | None) -> None:
        await self._pool.execute(_RECORD, request_id, reason.code.value, reason.control, method, path, key_id)
