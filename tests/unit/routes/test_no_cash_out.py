"""No route of any service cashes points out or hands them to somebody else (C07, C08, C13, C14)."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import pytest
from fastapi import FastAPI

from shared.runtime.prohibited_path import prohibition
from tests.unit.routes.every_route import FoundRoute, applications, every_route

_SAFE = {"GET", "HEAD", "OPTIONS"}


class Effect(StrEnum):
    """What a request that changes something does with points and money."""

    NONE = "moves no points and no money"
    TELLS = "publishes what a till or kiosk saw; earning decides on it"
    SPENDS = "takes the points of one member, for a reward or a bill"
    GIVES_BACK = "gives back to the member who paid, to the lots that paid, and the money that was paid in money"
    ENDS = "ends the member's own points for good"
    CORRECTS = "asks to correct the points of one member, and a second person decides"
    REVIEWS = "a person decides on points held for review: release or forfeit"
    SETTLES = "notes money paid to a partner or to a donation's recipient, for what members were handed"


APPS: Final = applications()
_DEAD_LETTERS: Final = {
    "/v1/dead-letters/discard": Effect.NONE,
    "/v1/dead-letters/replay": Effect.NONE,  # the original record again, handled as at first
}
# A new route that changes something is written down here, with what it does with points, by whoever adds it.
EFFECTS: Final[Mapping[tuple[str, str], Mapping[str, Effect]]] = {
    ("gateway", "POST"): {"/v1/api-keys": Effect.NONE, "/v1/events": Effect.TELLS},
    ("gateway", "DELETE"): {"/v1/api-keys/{key_id}": Effect.NONE},
    ("earning", "POST"): {
        **_DEAD_LETTERS,
        "/v1/programs/{program_id}/corrections": Effect.CORRECTS,
        "/v1/programs/{program_id}/corrections/{correction_id}/decisions": Effect.CORRECTS,
        "/v1/programs/{program_id}/tier-floors": Effect.NONE,
        "/v1/programs/{program_id}/tier-floors/{floor_id}/decisions": Effect.NONE,
    },
    ("fraud_monitoring", "POST"): {**_DEAD_LETTERS, "/v1/cases/{case_id}/decisions": Effect.REVIEWS},
    ("notification", "POST"): {
        **_DEAD_LETTERS,
        "/inbox/read": Effect.NONE,
        "/v1/programs/{program}/members/{member}/inbox/links": Effect.NONE,
        "/v1/programs/{program}/members/{member}/inbox/read": Effect.NONE,
    },
    ("redemption", "POST"): {
        **_DEAD_LETTERS,
        "/v1/programs/{program}/access-keys": Effect.NONE,
        "/v1/programs/{program}/members/{member}/quotes": Effect.NONE,
        "/v1/programs/{program}/members/{member}/orders": Effect.SPENDS,
        "/v1/programs/{program}/members/{member}/redemptions": Effect.SPENDS,
        "/v1/programs/{program}/members/{member}/closure": Effect.ENDS,
        "/v1/programs/{program}/members/{member}/extensions": Effect.NONE,  # they live longer
        "/v1/orders/{order_id}/fulfilments": Effect.NONE,
        "/v1/orders/{order_id}/no-shows": Effect.GIVES_BACK,  # what the booking's terms do not keep
        "/v1/orders/{order_id}/cancellations": Effect.GIVES_BACK,
        "/v1/orders/{order_id}/returns": Effect.GIVES_BACK,
        "/v1/orders/{order_id}/replacements": Effect.NONE,
        "/v1/programs/{program}/authorizations": Effect.SPENDS,
        "/v1/programs/{program}/authorizations/{authorization_id}/capture": Effect.SPENDS,
        "/v1/programs/{program}/authorizations/{authorization_id}/void": Effect.GIVES_BACK,
        "/v1/programs/{program}/voucher-checks": Effect.NONE,
        "/v1/programs/{program}/voucher-uses": Effect.NONE,
        "/v1/programs/{program}/voucher-uses/{use_id}/undo": Effect.NONE,
        "/v1/programs/{program}/benefit-uses": Effect.NONE,
        "/v1/programs/{program}/benefit-uses/{use_id}/undo": Effect.NONE,
        "/v1/programs/{program}/members/{member}/plan": Effect.NONE,  # an adviser names what is published
        "/v1/programs/{program}/claims": Effect.SETTLES,
        "/v1/claims/{claim_id}/payment": Effect.SETTLES,
    },
    ("redemption", "DELETE"): {
        "/v1/access-keys/{key_id}": Effect.NONE,
        "/v1/programs/{program}/members/{member}/journal": Effect.NONE,
    },
    ("console", "POST"): {
        "/account": Effect.NONE,
        "/dead-letters/letter/{service}/{dead_letter_id}/{verdict}": Effect.NONE,
        "/dead-letters/plan": Effect.NONE,
        "/dead-letters/plan/{plan_id}/{verdict}": Effect.NONE,
        "/dead-letters/runs/{run_id}/stop": Effect.NONE,
        "/live/{stream_id}": Effect.NONE,
        "/look": Effect.NONE,
        "/operators": Effect.NONE,
        "/operators/disable": Effect.NONE,
        "/operators/enable": Effect.NONE,
        "/operators/password": Effect.NONE,
        "/operators/role": Effect.NONE,
        "/seals": Effect.NONE,
        "/sign-in": Effect.NONE,
        "/sign-out": Effect.NONE,
        "/stream/tail": Effect.NONE,
    },
}


def changing() -> list[FoundRoute]:
    return [route for route in every_route(APPS) if route.method not in _SAFE]


def test_every_route_that_changes_something_says_what_it_does_with_points() -> None:
    written = {FoundRoute(service, method, path) for (service, method), routes in EFFECTS.items() for path in routes}
    found = set(changing())
    assert sorted(found - written) == [], "write these into EFFECTS"
    assert sorted(written - found) == [], "these are gone"


@pytest.mark.parametrize("route", [pytest.param(each, id=" ".join(each)) for each in every_route(APPS)])
def test_no_route_is_named_after_what_is_prohibited(route: FoundRoute) -> None:
    assert prohibition(route.path) is None


# Fields by which a request could say that somebody else gets points, or that the member gets money.
_OTHER_MEMBER = re.compile(
    r"(?:to|from|into|target|dest(?:ination)?|recipient|receiver|beneficiary|other|second|friend|giver|payer)s?_?"
    r"(?:member|wallet|account|card)s?(?:_id)?|members|wallets|member_ids|gift_to|pool(?:ed)?(?:_with)?"
)
_PAID_OUT = re.compile(
    r".*(?:iban|bank|payout|pay_out|cash|withdraw|card_number|alipay|wechat_pay|paypal|refund_to|pay_to).*"
)


@pytest.mark.parametrize("service", sorted(APPS))
def test_no_request_names_a_second_member_or_an_account_for_money(service: str) -> None:
    asked = set(_asked_fields(APPS[service]))
    assert asked, "the watch sees what is asked"
    assert sorted(name for name in asked if _OTHER_MEMBER.fullmatch(name) or _PAID_OUT.fullmatch(name)) == []


def _asked_fields(app: FastAPI) -> Iterator[str]:
    """Names of every parameter, and of every field of every body, however deep."""
    document = app.openapi()
    for methods in document["paths"].values():
        for operation in methods.values():
            yield from (parameter["name"].lower() for parameter in operation.get("parameters", ()))
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield from _fields(content.get("schema", {}), document["components"]["schemas"], set())


def _fields(schema: Any, known: Mapping[str, Any], seen: set[str]) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _fields(each, known, seen)
        return
    if not isinstance(schema, dict):
        return
    if (reference := schema.get("$ref")) is not None:
        name = reference.rsplit("/", 1)[-1]
        if name not in seen:
            yield from _fields(known[name], known, seen | {name})
        return
    for name, part in schema.get("properties", {}).items():
        yield name.lower()
        yield from _fields(part, known, seen)
    for key in ("items", "anyOf", "allOf", "oneOf", "prefixItems", "additionalProperties"):
        yield from _fields(schema.get(key), known, seen)


@pytest.mark.parametrize("name", ["to_member_id", "recipient_member", "from_wallet", "members", "friend_account"])
def test_the_watch_knows_a_second_member(name: str) -> None:
    assert _OTHER_MEMBER.fullmatch(name)


@pytest.mark.parametrize("name", ["iban", "bank_account", "payout_minor", "cash_minor"])
def test_the_watch_knows_an_account_for_money(name: str) -> None:
    assert _PAID_OUT.fullmatch(name)


@pytest.mark.parametrize("name", ["member", "member_id", "recipient_ref", "payee_id", "merchant_id", "amount_minor"])
def test_the_watch_lets_through_what_every_request_needs(name: str) -> None:
    assert not _OTHER_MEMBER.fullmatch(name)
    assert not _PAID_OUT.fullmatch(name)
