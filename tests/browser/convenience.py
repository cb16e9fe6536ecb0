"""A member of the convenience store with points to spend."""

from datetime import timedelta

from services.operator.program import apply_shipped
from shared.events.member_registered import MemberRegistered
from tests.browser.site import Site
from tests.infrastructure.services import eventually, producer
from tests.infrastructure.till import Till, purchase

STORE = "convenience"


async def enrich(site: Site, member_id: str) -> None:
    """Publish the program, register the member and wait until what was bought nine days ago can be spent."""
    await apply_shipped(site.services.kafka, ["convenience.yaml"])
    async with producer(site.services.kafka) as sender:
        till = Till(sender, "x")
        registered = MemberRegistered(
            program_id=STORE, member_id=member_id, registered_at=till.now - timedelta(days=60), phone_verified=True
        )
        await till.send(f"registered-{member_id}", registered, ago=60)
        await till.send(f"buy-{member_id}", purchase(f"r-{member_id}", member_id, 3_000_000, program_id=STORE), ago=9)

    async def has_points() -> bool:
        async with site.services.operator("redemption") as http:
            answer = await http.get(f"/v1/programs/{STORE}/members/{member_id}/balance")
        return answer.status_code == 200 and answer.json()["available"] >= 24_000

    await eventually("points to spend", has_points)
