"""What each service has done, in a sentence: from its books, over all runs, and from the gateway's own count."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from shared.runtime.postgres import Connection

_BOOKS = """
SELECT (SELECT count(*) FROM earning.audit_grant) AS grants,
       (SELECT count(*) FROM earning.audit_claw_back) AS claw_backs,
       (SELECT count(*) FROM earning.audit_decision WHERE outcome = 'declined') AS declined,
       (SELECT count(*) FROM redemption.audit_lot) AS lots,
       (SELECT count(*) FROM redemption.audit_journal) AS journal,
       (SELECT count(*) FROM redemption.audit_redemption) AS redemptions,
       (SELECT count(*) FROM redemption.audit_order) AS orders,
       (SELECT count(*) FROM fraud_monitoring.audit_signal) AS signals,
       (SELECT count(*) FROM fraud_monitoring.audit_case) AS cases,
       (SELECT count(*) FROM fraud_monitoring.audit_hold) AS holds,
       (SELECT count(*) FROM notification.audit_notice) AS notices,
       (SELECT count(*) FROM notification.audit_message WHERE state = 'sent') AS sent,
       (SELECT count(*) FROM notification.audit_message WHERE state = 'suppressed') AS suppressed,
       (SELECT count(*) FROM console.audit_operator) AS operators,
       (SELECT count(*) FROM console.audit_operator_action) AS actions
"""
_PUBLISHED = "greenpoints_gateway_events_published_total"
_SENTENCES = {
    "gateway": "{published:,} events taken by HTTP and published since it started",
    "earning": "{grants:,} grants, {claw_backs:,} claw-backs, {declined:,} events declined",
    "redemption": "{lots:,} lots, {journal:,} journal rows, {redemptions:,} redemptions, {orders:,} orders",
    "fraud_monitoring": "{signals:,} signals, {cases:,} cases, {holds:,} holds",
    "notification": "{notices:,} notices, {sent:,} messages sent, {suppressed:,} suppressed with a reason",
    "console": "accounts: {operators:,}, actions on record: {actions:,}",
}


async def read_work(audit: Connection, gateway: httpx.AsyncClient) -> Mapping[str, str]:
    """A sentence by service."""
    figures = dict(await audit.fetchrow(_BOOKS) or {})
    figures["published"] = published((await gateway.get("/metrics")).raise_for_status().text)
    return {service: sentence.format(**figures) for service, sentence in _SENTENCES.items()}


def published(metrics: str) -> int:
    """The gateway's count of events that Kafka acknowledged, out of its metrics page."""
    samples = (sample for family in text_string_to_metric_families(metrics) for sample in family.samples)
    return sum(int(sample.value) for sample in samples if sample.name == _PUBLISHED)
