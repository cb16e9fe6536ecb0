"""A redemption's look-through as a tree, compared with what earning says of the same grants (C25). No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.operator.printed import Node, instant, plain, short_type
from services.operator.story import Story

Told = Mapping[str, Any]


def differences(told: Told, story: Story) -> Iterator[str]:
    """Where earning's books do not confirm redemption's: a grant it does not know, or knows otherwise."""
    grants = {grant["grant_id"]: grant for grant in story.grants}
    decisions = {f"{decision['event_source']}#{decision['event_id']}": decision for decision in story.decisions}
    for source in told["sources"]:
        grant = grants.get(source["grant_id"])
        if grant is None:
            yield f"earning does not know grant {source['grant_id']}"
        elif grant["budget_id"] != source["budget_id"] or grant["class"] != source["class"]:
            yield f"earning drew grant {source['grant_id']} on {grant['budget_id']} as {grant['class']}"
        if source["causation_id"] not in decisions:
            yield f"earning decided no event {plain(source['causation_id'])}"


def look_through_tree(told: Told) -> Node:
    """Redemption → lots → grants → receipts → budgets; and what it was spent on → settlement."""
    root = Node(
        f"look-through of redemption {told['redemption_id']}, member {plain(told['member_id'])} of "
        f"{plain(told['program_id'])}: {told['points']} points at {instant(told['requested_at'])}"
    )
    came_from = root.add("came from")
    for source in told["sources"]:
        came_from.below.append(_source(source))
    budgets = root.add("paid by")
    for budget in told["budgets"]:
        budgets.add(
            f"budget {plain(budget['budget_id'])}: {plain(budget['source'])} approved by {plain(budget['approver'])}, "
            f"{plain(budget['document'])}, {budget['approved_minor']} {budget['currency']} minor units "
            f"from {budget['period_from']} to {budget['period_to']}"
        )
    spent_on = root.add("spent on")
    for line in told["order_lines"]:
        spent_on.below.append(_order_line(line))
    for bill in told["paid_bills"]:
        spent_on.add(
            f"bill {plain(bill['receipt_id'] or '-')} at {plain(bill['merchant_id'])}: "
            f"{bill['captured_points']} points for {bill['captured_minor']} {bill['currency']} minor units, "
            f"{bill['given_back']} points given back"
        )
    if not spent_on.below:
        spent_on.add(plain(told["reason"]))
    verdict = "complete: every point reaches its cause and its budget"
    root.add(verdict if told["complete"] else f"INCOMPLETE [{told['code']}]: {plain('; '.join(told['gaps']))}")
    return root


def _source(source: Told) -> Node:
    node = Node(
        f"lot {source['lot_id']}: {source['points']} points {source['class']}"
        + (f", {source['given_back']} given back" if source["given_back"] else "")
    )
    receipt = (
        f", receipt {plain(source['receipt_id'])} of {plain(source['merchant_id'])}" if source["receipt_id"] else ""
    )
    other = f", with member {plain(source['other_member_id'])}" if source["other_member_id"] else ""
    node.add(
        f"grant {source['grant_id']} of {instant(source['granted_at'])} for {short_type(source['source_type'])} "
        f"{plain(source['source_id'])}{receipt}{other}"
    )
    node.add(
        f"budget {plain(source['budget_id'])}, rule version {source['rule_version']}, "
        f"{source['cost_minor']} {source['currency']} minor units"
    )
    return node


def _order_line(line: Told) -> Node:
    node = Node(
        f"order {line['order_id']}, line {plain(line['line_id'])}: {line['quantity']} of {plain(line['reward_id'])} "
        f"({line['kind']}), {line['state']}; {line['returned']} returned, {line['exchanged']} exchanged"
    )
    for entry in line["settlement"]:
        node.add(
            f"{entry['payee_kind']} {plain(entry['payee_id'])}, statement {plain(entry['period'])}: {entry['units']} "
            f"{entry['movement']}, {entry['owed_minor']} {entry['currency']} minor units "
            f"under {plain(entry['document'])}"
        )
    return node
