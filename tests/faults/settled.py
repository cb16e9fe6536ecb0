"""For tests of a few events: when all of them are booked, and whether the books are right."""

from services.operator.audit import run_audit
from tests.infrastructure.services import Services, eventually


async def settled(services: Services, *, granted: int, clawed_back: int = 0, audited: bool = True) -> None:
    """Every grant and claw-back has come to redemption, the amounts are right and, if asked for, the audit is clean."""

    async def booked() -> bool:
        async with services.connection("greenpoints_audit") as audit:
            sums = await audit.fetchrow(
                "SELECT coalesce(sum(points), 0)::bigint, coalesce(sum(recalled), 0)::bigint FROM redemption.audit_lot"
            )
            return sums is not None and tuple(sums) == (granted, clawed_back)

    await eventually(f"{granted} points granted and {clawed_back} clawed back", booked)
    if not audited:
        return
    verdict = await run_audit(services.database.dsns["greenpoints_audit"], services.kafka)
    assert verdict.clean, verdict.text()
