"""The page of seals over a faked chain: a hundred blocks at a time are verified, back to the first."""

import re
from datetime import UTC, datetime

import httpx

from services.console.pages.seals import VERIFIED
from tests.infrastructure.fixtures import Database
from tests.integration.console.harness import running_site

_BLOCKS = 250
_NOW = datetime(2026, 11, 23, 8, tzinfo=UTC).isoformat()
_HEAD = {"program_id": "tea", "block_no": _BLOCKS, "rows": 2, "sealed_at": _NOW, "block_hash": "ab" * 32}
_OLDER = re.compile(r'name="before" value="(\d+)"')


class _Chain:
    """Redemption's answers; remembers which blocks it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/programs":
            return httpx.Response(200, json={"programs": [{"program_id": "tea", "name": {"en": "Tea", "zh-CN": "茶"}}]})
        if request.url.path == "/v1/seals":
            told = {"as_of": _NOW, "up_to_entry": 500, "sealed_at": _NOW, "waiting": 0, "programs": [_HEAD]}
            return httpx.Response(200, json=told)
        assert request.url.path == "/v1/programs/tea/seals/verification"
        newest = int(request.url.params.get("before", _BLOCKS + 1)) - 1
        oldest = max(1, newest - int(request.url.params["blocks"]) + 1)
        self.asked.append((newest, oldest))
        blocks = newest - oldest + 1
        verified = {"blocks": blocks, "newest": newest, "oldest": oldest, "rows": 2 * blocks, "broken": []}
        return httpx.Response(200, json={"program_id": "tea", "as_of": _NOW, **verified})


async def test_the_blocks_before_are_verified_on_demand_back_to_the_first(database: Database) -> None:
    chain = _Chain()
    transport = httpx.MockTransport(chain.answer)
    urls = {"redemption": "http://redemption"}
    async with (
        running_site(database.dsns["console"], transport, service_urls=urls) as site,
        site.signed_in() as browser,
    ):
        assert _OLDER.search((await browser.get("/seals")).text) is None, "nothing was verified yet"
        page = (await browser.post("/seals", program="tea")).text
        while older := _OLDER.search(page):
            page = (await browser.post("/seals", program="tea", before=older[1])).text
        assert chain.asked == [(250, 151), (150, 51), (50, 1)]
        assert chain.asked[0][0] - chain.asked[0][1] + 1 == VERIFIED
        assert "blocks 1 to 50 with 100 rows are untouched" in page
        verified = [each for each in await site.told() if (each[1], each[3]) == ("seals.verify", "done")]
        assert verified == [("admin", "seals.verify", "tea", "done")] * 3
