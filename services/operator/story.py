"""A story as a tree: what the services know of it, in the order in which it happened. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.operator.printed import Node, instant, moment, plain, short_type

Row = Mapping[str, Any]

_KEYS = {
    "decisions": ("event_key",),
    "grants": ("grant_id",),
    "claw_backs": ("claw_back_id",),
    "waiting": ("event_key",),
    "lots": ("lot_id",),
    "journal": ("program_id", "member_id", "entry_id"),
    "redemptions": ("redemption_id",),
    "allocations": ("redemption_id", "lot_id"),
    "cases": ("case_id",),
    "signals": ("signal_id",),
    "holds": ("hold_id",),
    "messages": ("message_id",),
    "dead_letters": ("dead_letter_id",),
}
_PARTS_OF_A_LOT = ("remaining", "reserved", "redeemed", "clawed_back", "set_off", "expired", "forfeited")
_PARTS_OF_A_CLAW_BACK = ("taken", "set_off", "already_gone", "deficit", "waived")


@dataclass(slots=True)
class Story:
    """Rows by kind; a row told twice counts once. `claw_backs` are earning's, `settled` redemption's account.

    `cases`, `signals` and `holds` are fraud monitoring's, `messages` notification's.
    """

    decisions: list[Row] = field(default_factory=list)
    grants: list[Row] = field(default_factory=list)
    claw_backs: list[Row] = field(default_factory=list)
    waiting: list[Row] = field(default_factory=list)
    lots: list[Row] = field(default_factory=list)
    journal: list[Row] = field(default_factory=list)
    redemptions: list[Row] = field(default_factory=list)
    allocations: list[Row] = field(default_factory=list)
    settled: list[Row] = field(default_factory=list)
    cases: list[Row] = field(default_factory=list)
    signals: list[Row] = field(default_factory=list)
    holds: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    dead_letters: list[Row] = field(default_factory=list)

    def add(self, kind: str, rows: Iterable[Row]) -> None:
        held: list[Row] = getattr(self, kind)
        key = _KEYS["claw_backs" if kind == "settled" else kind]
        known = {tuple(row[part] for part in key) for row in held}
        held += [row for row in rows if tuple(row[part] for part in key) not in known]

    def is_empty(self) -> bool:
        return not any(getattr(self, name) for name in self.__dataclass_fields__)

    def as_json(self) -> dict[str, Sequence[Row]]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def story_tree(story: Story) -> list[Node]:
    """One root per event and redemption by business time; then cases, messages, what waits, what was dead-lettered."""
    lots = {lot["lot_id"]: lot for lot in story.lots}
    granted = {grant["grant_id"] for grant in story.grants}
    decided = {decision["event_key"] for decision in story.decisions}
    roots = [
        *((moment(decision["event_time"]), 0, _decision(story, decision, lots)) for decision in story.decisions),
        *((moment(lot["granted_at"]), 1, _lot(story, lot)) for lot in story.lots if lot["lot_id"] not in granted),
        *(
            (moment(settled["clawed_at"]), 2, _claw_back(story, settled, settled))
            for settled in story.settled
            if not any(
                told["claw_back_id"] == settled["claw_back_id"] and told["event_key"] in decided
                for told in story.claw_backs
            )
        ),
        *((moment(spent["requested_at"]), 3, _redemption(story, spent)) for spent in story.redemptions),
    ]
    in_order = [node for _, _, node in sorted(roots, key=lambda root: root[:2])]
    cases = [_case(story, case) for case in sorted(story.cases, key=lambda case: moment(case["opened_at"]))]
    messages = map(_message, sorted(story.messages, key=lambda message: moment(message["created_at"])))
    return [*in_order, *cases, *messages, *map(_waiting, story.waiting), *map(_dead_letter, story.dead_letters)]


def _decision(story: Story, decision: Row, lots: Mapping[str, Row]) -> Node:
    member = f" of member {plain(decision['member_id'])}" if decision["member_id"] else " without member"
    node = Node(
        f"{instant(decision['event_time'])}  {short_type(decision['event_type'])} {plain(decision['event_id'])} "
        f"from {plain(decision['event_source'])}, program {plain(decision['program_id'])}{member}"
    )
    node.add(f"arrived {instant(decision['arrival'])}, story {plain(decision['correlation_id'])}")
    outcome = node.add(f"decision: {decision['outcome']}{_because(decision)}")
    for grant in story.grants:
        if grant["event_key"] == decision["event_key"]:
            _grant(story, outcome, grant, lots)
    for told in story.claw_backs:
        if told["event_key"] == decision["event_key"]:
            settled = next((row for row in story.settled if row["claw_back_id"] == told["claw_back_id"]), None)
            outcome.below.append(_claw_back(story, told, settled))
    return node


def _because(decision: Row) -> str:
    code = f", code {decision['code']}" if decision["code"] else ""
    would = f"; would have earned {decision['would_have_earned']} points" if decision["would_have_earned"] else ""
    return code + would


def _grant(story: Story, above: Node, grant: Row, lots: Mapping[str, Row]) -> None:
    node = above.add(
        f"grant {grant['grant_id']}: {grant['points']} points {grant['class']}, budget {plain(grant['budget_id'])}, "
        f"rule version {grant['rule_version']}, expected cost {grant['cost_minor']} minor units"
    )
    lot = lots.get(grant["grant_id"])
    if lot is None:
        node.add("no lot yet: redemption has not handled this grant")
    else:
        node.below.append(_lot(story, lot))


def _lot(story: Story, lot: Row) -> Node:
    parts = ", ".join(f"{lot[part]} {part.replace('_', ' ')}" for part in _PARTS_OF_A_LOT if lot[part])
    node = Node(
        f"lot {lot['lot_id']}: {lot['points']} points {lot['class']}, {lot['state']}; now {parts}; "
        f"available {instant(lot['available_at'])}, expires {instant(lot['expires_at'])}"
    )
    for row in story.journal:
        if row["lot_id"] == lot["lot_id"]:
            node.add(_movement(row))
    return node


def _movement(row: Row) -> str:
    return (
        f"journal {row['entry_id']}: {row['points']} points {row['from_account']} → {row['to_account']} "
        f"by {short_type(row['cause_type'])} {plain(row['cause_id'])} at {instant(row['business_time'])}, "
        f"posted {instant(row['posted_at'])}"
    )


def _claw_back(story: Story, told: Row, settled: Row | None) -> Node:
    node = Node(
        f"claw-back {told['claw_back_id']}: {told['points']} points of grant {told['grant_id']}, "
        f"refund {plain(told['refund_id'])}"
    )
    if settled is None:
        node.add("not taken yet: redemption has not handled this claw-back")
        return node
    parts = ", ".join(f"{settled[part]} {part.replace('_', ' ')}" for part in _PARTS_OF_A_CLAW_BACK if settled[part])
    node.add(f"settled: {parts} (policy {settled['policy']})")
    own = {lot["lot_id"] for lot in story.lots}
    for row in story.journal:
        if row["cause_id"] == told["claw_back_id"] and row["lot_id"] not in own:
            node.add(f"lot {row['lot_id']}, {_movement(row)}")
    return node


def _redemption(story: Story, spent: Row) -> Node:
    node = Node(
        f"{instant(spent['requested_at'])}  redemption {spent['redemption_id']} of member {plain(spent['member_id'])}: "
        f"{spent['points']} points for {plain(spent['reason'])!r}, key {plain(spent['idempotency_key'])}"
    )
    for share in story.allocations:
        if share["redemption_id"] == spent["redemption_id"]:
            node.add(f"allocation: {share['points']} points of lot {share['lot_id']}")
    return node


def _case(story: Story, case: Row) -> Node:
    decided = f" by {plain(case['decided_by'])}: {plain(case['note'])!r}" if case["decided_by"] else ""
    node = Node(
        f"{instant(case['opened_at'])}  case {case['case_id']} of rule {case['rule']}, {case['state']}{decided}; "
        f"{case['value']} where {case['threshold']} is the limit, decide until {instant(case['deadline'])}"
    )
    for signal in story.signals:
        if signal["case_id"] == case["case_id"]:
            node.add(f"signal {signal['signal_id']} of {plain(signal['subject_key'])}: {signal['value']}")
    for hold in story.holds:
        if hold["case_id"] == case["case_id"]:
            held = "not known yet how many" if hold["held_points"] is None else str(hold["held_points"])
            node.add(f"hold {hold['hold_id']} of member {plain(hold['member_id'])}, {hold['state']}: {held} points")
    return node


def _message(message: Row) -> Node:
    why = message["code"] or message["error"]
    return Node(
        f"{instant(message['created_at'])}  message {message['message_id']} to member {plain(message['member_id'])} "
        f"by {message['channel']}, {message['template']}: {message['state']}{f' ({why})' if why else ''}"
    )


def _waiting(row: Row) -> Node:
    return Node(
        f"{instant(row['arrival'])}  {short_type(row['event_type'])} waits for the registration of member "
        f"{plain(row['member_id'])} until {instant(row['deadline'])}"
    )


def _dead_letter(letter: Row) -> Node:
    node = Node(
        f"{instant(letter['arrival'])}  dead letter {letter['dead_letter_id']} of {letter['service']} "
        f"({letter['state']}): {letter['code']}"
    )
    node.add(plain(letter["message"]))
    node.add(f"{letter['topic']}/{letter['partition']}@{letter['record_offset']}, attempt {letter['attempt']}")
    return node
