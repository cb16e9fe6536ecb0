"""The integrator's guide says what the gateway does."""

import json
import re
from pathlib import Path

from services.gateway.domain.accepted import ACCEPTED_TYPES
from services.gateway.domain.api_key import ApiKey, Scope
from shared.runtime.secret_keys import hash_secret
from tests.unit.gateway.door import SECRET, Gateway

GUIDE = (Path(__file__).parents[3] / "docs" / "integrators.md").read_text()
DEMO = ApiKey("00000000000000d0", hash_secret(SECRET), Scope("fruit-shop", "fruit-shop-demo", None), 10, active=True)


async def test_the_guides_event_is_accepted() -> None:
    gateway = Gateway()
    gateway.store.keys[DEMO.key_id] = DEMO
    block = re.search(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    assert block is not None

    answer = await gateway.send(json.loads(block.group(1)), key=DEMO)

    assert answer.status_code == 202
    assert gateway.kafka.published[0].key == b"fruit-shop/member-7"


def test_the_guide_names_every_accepted_type_and_every_code() -> None:
    sources = Path(__file__).parents[3].joinpath("services", "gateway").rglob("*.py")
    codes = {code for source in sources for code in re.findall(r'\d{3}, ?\s*"([A-Z_]+)"', source.read_text())}

    assert len(codes) > 8
    assert [name for name in (*ACCEPTED_TYPES, *sorted(codes)) if f"`{name}`" not in GUIDE] == []
