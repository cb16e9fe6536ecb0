"""`points.granted` of a receipt, as it is told: of every hundred events that earning publishes some ninety-nine.

The contract's model checks each field for longer than all the rest of it takes, so these say the same by themselves;
a test holds them against the model, byte for byte. Fields at their default are left out.
"""

from services.earning.decide.told import ToldCost, ToldGrant, ToldLine, ToldRule, ToldSource
from services.earning.desk import GrantEntry, GrantLineEntry
from shared.events.cloudevent import CloudEvent
from shared.events.purchase_completed import PurchaseCompleted


def told_grant(grant: GrantEntry, purchase: PurchaseCompleted, member_id: str, event: CloudEvent) -> ToldGrant:
    """What the grant's event says; `event` is the purchase's."""
    return ToldGrant(
        program_id=purchase.program_id,
        member_id=member_id,
        causation_id=grant.correlation_id,
        correlation_id=grant.correlation_id,
        rule_version=grant.rule_version,
        grant_id=str(grant.grant_id),
        points=grant.points,
        points_class=grant.points_class,
        source=ToldSource(event.type, event.id, purchase.receipt_id, purchase.merchant_id),
        lines=[_told_line(line) for line in grant.lines],
        available_at=grant.available_at,
        expires_at=grant.expires_at,
        budget_id=grant.budget_id,
        expected_cost=ToldCost(grant.cost_minor, purchase.currency),
    )


def _told_line(line: GrantLineEntry) -> ToldLine:
    rules = [ToldRule(rule_id, points) for rule_id, points in line.rules]
    return ToldLine(line_id=line.line_id, sku=line.sku, labels=line.labels, points=line.points, rules=rules)
