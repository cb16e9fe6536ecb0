"""Refusals, kept for the audit; each is written after its transaction was undone."""

from services.redemption.domain.refused import RefusedError
from shared.runtime.postgres import Pool

_REFUSAL = """
    INSERT INTO refusal (program_id, member_id, code, idempotency_key, points, available, requested_at, subject,
                         request_id, reward_id, detail)
    VALUES ($1, $2, $3, $4, $5, $6, service_now(), $7, $8, $9, $10)
"""


async def record_refusal(
    pool: Pool,
    refused: RefusedError,
    program_id: str,
    member_id: str,
    subject: str,
    request_id: str,
    idempotency_key: str,
) -> None:
    """Keep what was refused; nothing else changed. Amounts that the refusal does not name are 0."""
    await pool.execute(
        _REFUSAL,
        program_id,
        member_id,
        refused.code.value,
        idempotency_key,
        refused.amounts.get("points", 0),
        refused.amounts.get("available", 0),
        subject,
        request_id,
        refused.reward_id,
        refused.detail,
    )
