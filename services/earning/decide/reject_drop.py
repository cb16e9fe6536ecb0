"""What a rejection takes back of a drop, whichever of the two came first."""

from uuid import UUID

from services.earning.decide.book_claw_back import book_claw_back, granted_of
from services.earning.decide.count import give_back_of_drop
from services.earning.deeds import DropEntry, RejectionEntry
from services.earning.desk import EarningDesk
from services.earning.domain.claw_back import claw_back_to, granting_rules
from services.earning.domain.earn_drop import earn_drop
from services.earning.domain.rejection import amounts_left, reject


def reject_items(drop: DropEntry, rejection: RejectionEntry, desk: EarningDesk) -> tuple[int, bool]:
    """Note what does not count and claw back to what the rest earns.

    Returns the points taken, and whether the rejection asked for more than was there.
    """
    rejection.settled = rejection.changed = True
    if drop.collected is None:
        raise ValueError(f"Drop {drop.drop_id} has not been collected yet.")
    drop.rejected, too_much = reject(drop.collected.items, drop.rejected, rejection.items)
    drop.changed = True
    if drop.rule_version is None or not drop.grants:
        return 0, too_much
    program = desk.compiled[drop.program_id, drop.rule_version]
    grants = [granted_of(grant) for grant in drop.grants]
    left = amounts_left(drop.collected.items, drop.rejected)
    remaining = earn_drop(drop.collected, left, program, drop.facts, granting_rules(grants))
    takings = claw_back_to(grants, remaining)
    by_id = {grant.grant_id: grant for grant in drop.grants}
    member, policy = (drop.program_id, drop.member_id), program.pack.claw_back_policy
    for taking in takings:
        book_claw_back(member, by_id[UUID(str(taking.grant_id))], taking, rejection.rejection, policy, desk)
    if drop.cap_uses:
        give_back_of_drop(drop, remaining, program, desk)
    return sum(taking.points for taking in takings), too_much


def settle_rejections(drop: DropEntry, desk: EarningDesk) -> None:
    """A drop arrived: the rejections that came before it take back what is theirs, oldest first.

    One that names another member closes with nothing taken.
    """
    waiting = [rejection for rejection in drop.rejections if not rejection.settled]
    for entry in sorted(waiting, key=lambda entry: (entry.rejection.time, str(entry.rejection.event_key))):
        if entry.member_id == drop.member_id:
            reject_items(drop, entry, desk)
        else:
            entry.settled = entry.changed = True
