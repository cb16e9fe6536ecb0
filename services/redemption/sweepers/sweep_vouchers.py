"""The voucher sweeper: issues what earning asked for, ends what it recalled and what has passed its date.

Each turn is one transaction under the members' locks; any number of workers may sweep, and twice changes nothing.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.redemption.desk import RedemptionDesk
from services.redemption.domain.voucher import terms_of_given
from services.redemption.mint import VoucherMint
from services.redemption.outcomes import SOURCE
from services.redemption.store.save import save_under_lock
from services.redemption.store.voucher_requests import VoucherToDo, close_request, lock_to_do, voucher_of
from services.redemption.store.vouchers import Voucher, end, insert_voucher, lock_expired
from services.redemption.sweepers.by_wallet import Turn, sweep_by_wallet
from services.redemption.told.vouchers import EndReason, tell_ended, tell_issued
from shared.events.cloudevent import derived_id
from shared.programs.expiry import business_day, start_of_day
from shared.programs.pack import ProgramPack
from shared.programs.versions import ProgramBook
from shared.programs.vouchers import GivenVoucher
from shared.runtime.postgres import Connection
from shared.runtime.service import Running

AT_ONCE = 500


async def sweep_vouchers(running: Running) -> None:
    """Until nothing is left to do that is not locked elsewhere."""
    mint = VoucherMint.of(running.settings)

    async def answer_requests(connection: Connection, turn: Turn) -> bool:
        waiting = await lock_to_do(connection, turn.at_most, turn.stuck)
        if any(to_do.recall_id is None for to_do in waiting):
            mint.require_key()  # without one it is nobody's wallet that is at fault
        turn.taken.update({(each.program_id, each.member_id): each.request_id for each in waiting})
        desk = RedemptionDesk()
        for to_do in waiting:
            if to_do.recall_id is None:
                await _issue(connection, desk, running.programs, mint, to_do)
            else:
                await _recall(connection, desk, to_do)
        await save_under_lock(connection, desk)
        return bool(waiting)

    await sweep_by_wallet(running.pool, answer_requests, AT_ONCE)
    await sweep_by_wallet(running.pool, _end_expired, AT_ONCE)


async def _issue(
    connection: Connection, desk: RedemptionDesk, programs: ProgramBook, mint: VoucherMint, to_do: VoucherToDo
) -> None:
    """It is issued as of its request's time; of a member whose account is closed it ends at once (C22)."""
    pack, given = _given(programs, to_do)
    voucher_id = derived_id(SOURCE, str(to_do.request_id), "voucher")
    voucher = Voucher(
        voucher_id=voucher_id,
        program_id=to_do.program_id,
        member_id=to_do.member_id,
        code_sha256=mint.code_sha256(voucher_id),
        terms=terms_of_given(given, pack),
        order_id=None,
        line_id=None,
        unit=None,
        request_id=to_do.request_id,
        correlation_id=to_do.correlation_id,
        issued_at=to_do.requested_at,
        valid_until=_valid_until(given, pack, to_do.requested_at),
    )
    if await insert_voucher(connection, voucher):
        tell_issued(desk, voucher, to_do.event_id, to_do.budget_id)
    if to_do.closed_at is not None:
        await _end(connection, desk, voucher, "member_closed", to_do.event_id, to_do.requested_at)
    await close_request(connection, to_do.request_id, "issued")


async def _recall(connection: Connection, desk: RedemptionDesk, to_do: VoucherToDo) -> None:
    """One that was never issued never will be; one that was used stays used."""
    voucher = await voucher_of(connection, to_do)
    if voucher is not None and voucher.state in ("issued", "expired") and to_do.recalled_at is not None:
        await _end(connection, desk, voucher, "recalled", to_do.recall_id or "", to_do.recalled_at)
    await close_request(connection, to_do.request_id, "closed")


async def _end_expired(connection: Connection, turn: Turn) -> bool:
    expired = await lock_expired(connection, turn.at_most, turn.stuck)
    turn.taken.update({(each.program_id, each.member_id): each.voucher_id for each in expired})
    desk = RedemptionDesk()
    for voucher in expired:
        await _end(connection, desk, voucher, "expired", str(voucher.voucher_id), voucher.valid_until)
    await save_under_lock(connection, desk)
    return bool(expired)


async def _end(
    connection: Connection, desk: RedemptionDesk, voucher: Voucher, reason: EndReason, because: str, at: datetime
) -> None:
    await end(connection, [voucher], reason, at)
    tell_ended(desk, voucher, reason, because, at)


def _given(programs: ProgramBook, to_do: VoucherToDo) -> tuple[ProgramPack, GivenVoucher]:
    version = programs.version(to_do.program_id, to_do.rule_version)
    for given in () if version is None else version.pack.vouchers:
        if version is not None and given.voucher_id == to_do.offer_id:
            return version.pack, given
    raise LookupError(f"Version {to_do.rule_version} of {to_do.program_id} gives no voucher {to_do.offer_id}.")


def _valid_until(given: GivenVoucher, pack: ProgramPack, requested_at: datetime) -> datetime:
    zone = ZoneInfo(pack.time_zone)
    last_day = business_day(requested_at, zone) + timedelta(days=given.valid_days)
    return start_of_day(last_day + timedelta(days=1), zone)
