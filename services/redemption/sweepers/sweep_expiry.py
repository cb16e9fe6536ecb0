"""The expiry sweeper: asks for the notices of 30 and 7 days, and posts what has expired (C20)."""

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.expiry import NOT_WARNED, Days, next_step
from services.redemption.domain.extension import Extended, extend
from services.redemption.domain.inactivity import idle_expiry
from services.redemption.domain.lot import Lot
from services.redemption.outcomes import SOURCE
from services.redemption.post_clock import post_clock
from services.redemption.store.expiry import DueSteps, load_expiring, save_steps
from services.redemption.store.extensions import Activity, count_from, read_last_active
from services.redemption.store.save import save_under_lock
from services.redemption.sweepers.by_wallet import Turn, sweep_by_wallet
from services.redemption.told.expiry import tell_expiring
from services.redemption.told.extensions import Why, tell_extended
from shared.events.cloudevent import derived_id
from shared.events.keys import member_key
from shared.programs.versions import ProgramBook
from shared.runtime.postgres import Connection
from shared.runtime.service import Running

LOTS_AT_ONCE = 2000


async def sweep_expiry(running: Running) -> None:
    """Take every step that is due. Any number of workers may sweep, and twice changes nothing."""

    async def take_steps(connection: Connection, turn: Turn) -> bool:
        due = await load_expiring(connection, turn.at_most, turn.stuck)
        if due is None:
            return False
        turn.taken.update({each.member: each.lot_id for each in due.lots})
        await _step(connection, due, running.programs)
        return True

    await sweep_by_wallet(running.pool, take_steps, LOTS_AT_ONCE)


async def _step(connection: Connection, due: DueSteps, programs: ProgramBook) -> None:
    idle = {each.member for each in due.lots if each.active_at is not None}
    active = await read_last_active(connection, sorted(idle))
    post_clock(due.desk, sorted({each.member for each in due.lots}))
    counted = _extend_active(due, active, programs)
    next_due = _take_steps(due)
    await save_under_lock(connection, due.desk)
    await count_from(connection, counted)
    await save_steps(connection, due.desk, next_due)


def _extend_active(due: DueSteps, active: dict[Member, Activity], programs: ProgramBook) -> dict[UUID, datetime]:
    """Where points expire by inactivity, later grants and orders move their dates on; from which, by lot."""
    counted: dict[UUID, datetime] = {}
    by_date: dict[tuple[Member, datetime], list[Lot]] = defaultdict(list)
    for each in due.lots:
        lot, last = due.desk.wallet(each.member).lots[each.lot_id], active.get(each.member)
        if each.active_at is None or last is None or last.at <= each.active_at or not lot.remaining:
            continue
        date = idle_expiry(programs, each.member[0], lot.origin.rule_version, last.at)
        if date is not None and lot.expires_at is not None and date > lot.expires_at:
            by_date[each.member, date].append(lot)
        counted[lot.lot_id] = last.at
    for (member, date), lots in sorted(by_date.items(), key=lambda item: item[0]):
        wallet, extended = extend(due.desk.wallet(member), lots, date)
        due.desk.keep(member, wallet)
        tell_extended(due.desk, member, extended, _why(member, extended, active[member]))
    return counted


def _why(member: Member, extended: tuple[Extended, ...], last: Activity) -> Why:
    named = f"{last.cause}/{extended[0].lot.lot_id}"
    extension_id = derived_id(f"{SOURCE}/{member_key(*member)}", named, "extension")
    return Why("activity", extension_id, last.cause, last.at)


def _take_steps(due: DueSteps) -> dict[UUID, datetime | None]:
    """Ask for the notices that are due, lots of one member and date together; each lot's next due instant."""
    telling: dict[tuple[Member, datetime, Days], list[Lot]] = defaultdict(list)
    next_due: dict[UUID, datetime | None] = {}
    for each in due.lots:
        lot = due.desk.wallet(each.member).lots[each.lot_id]
        moved = lot.expires_at != due.desk.loaded[each.member].lots[each.lot_id].expires_at
        step = next_step(lot, NOT_WARNED if moved else each.warned, due.now)
        next_due[lot.lot_id] = step.due_at
        if step.tell is not None and lot.expires_at is not None:
            telling[each.member, lot.expires_at, step.tell].append(lot)
    _tell(due.desk, telling)
    return next_due


def _tell(desk: RedemptionDesk, telling: dict[tuple[Member, datetime, Days], list[Lot]]) -> None:
    for (member, _, days), lots in sorted(telling.items(), key=lambda item: item[0]):
        tell_expiring(desk, member, days, lots)
