"""Vouchers that an order bought: issued with the hand-over of its line, ended with its return."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.redemption.desk import Cause, Member, RedemptionDesk
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.voucher import terms_of_reward
from services.redemption.mint import VoucherMint
from services.redemption.outcomes import SOURCE
from services.redemption.store.vouchers import Voucher, end, insert_voucher, open_of_member, unused_of_line
from services.redemption.told.vouchers import EndReason, tell_ended, tell_issued
from shared.events.cloudevent import derived_id
from shared.events.reason_codes import ReasonCode
from shared.programs.expiry import business_day, start_of_day
from shared.programs.pack import ProgramPack
from shared.programs.rewards import VoucherReward
from shared.runtime.postgres import Connection


class BoughtLine(NamedTuple):
    """`units` of a voucher that a line of an order bought; `pack` is the version whose price held."""

    program_id: str
    member_id: str
    order_id: UUID
    line_id: str
    reward: VoucherReward
    units: int
    pack: ProgramPack
    correlation_id: str


async def issue_vouchers(
    connection: Connection, desk: RedemptionDesk, mint: VoucherMint, line: BoughtLine, because: Cause
) -> tuple[UUID, ...]:
    """One voucher for each unit, issued at the time of `because`, the line's hand-over; returns their ids.

    Under the wallet's lock; the desk must be saved afterwards. Doing it again changes nothing. A voucher lives
    through the `valid_days`th day after the business day of its issue.
    """
    zone = ZoneInfo(line.pack.time_zone)
    last_day = business_day(because.time, zone) + timedelta(days=line.reward.valid_days)
    terms = terms_of_reward(line.reward, line.pack)
    issued = []
    for unit in range(1, line.units + 1):
        voucher_id = derived_id(SOURCE, f"{line.order_id}/{line.line_id}/{unit}", "voucher")
        voucher = Voucher(
            voucher_id=voucher_id,
            program_id=line.program_id,
            member_id=line.member_id,
            code_sha256=mint.code_sha256(voucher_id),
            terms=terms,
            order_id=line.order_id,
            line_id=line.line_id,
            unit=unit,
            request_id=None,
            correlation_id=line.correlation_id,
            issued_at=because.time,
            valid_until=start_of_day(last_day + timedelta(days=1), zone),
        )
        issued.append(voucher_id)
        if await insert_voucher(connection, voucher):
            tell_issued(desk, voucher, because.id)
    return tuple(issued)


async def end_vouchers(
    connection: Connection, desk: RedemptionDesk, order_id: UUID, line_id: str, units: int, because: Cause
) -> tuple[UUID, ...]:
    """`units` of the line come back: so many vouchers that nobody used end, the last ones first.

    Under the wallet's lock. Raises RefusedError VOUCHER_USED where fewer are unused: what was used cannot come back.
    """
    unused = await unused_of_line(connection, order_id, line_id)
    if len(unused) < units:
        raise RefusedError(
            ReasonCode.VOUCHER_USED,
            f"{units} vouchers of line {line_id} would come back and {len(unused)} of them are unused.",
            units=units,
            unused=len(unused),
        )
    return await _end(connection, desk, unused[:units], "returned", because)


async def end_vouchers_of_member(
    connection: Connection, desk: RedemptionDesk, member: Member, because: Cause
) -> tuple[UUID, ...]:
    """The account is closed (C22): whatever the member has not used ends. Under the wallet's lock."""
    return await _end(connection, desk, await open_of_member(connection, member), "member_closed", because)


async def _end(
    connection: Connection, desk: RedemptionDesk, vouchers: Sequence[Voucher], reason: EndReason, because: Cause
) -> tuple[UUID, ...]:
    await end(connection, vouchers, reason, because.time)
    for voucher in vouchers:
        tell_ended(desk, voucher, reason, because.id, because.time)
    return tuple(voucher.voucher_id for voucher in vouchers)
