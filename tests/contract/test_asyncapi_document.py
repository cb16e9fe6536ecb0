"""docs/asyncapi.yaml is a valid AsyncAPI 3 document by the official parser's word.

The parser comes from npm into the git-ignored node_modules of its folder, once.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.events.catalogue import EVENT_TYPES
from shared.events.generate import ASYNCAPI
from shared.events.topics import load_dead_letter_topics, load_topics

VALIDATOR = Path(__file__).with_name("asyncapi_validator")
ERROR = 0


@pytest.fixture(scope="module")
def node() -> str:
    node = shutil.which("node")
    npm = shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed: the AsyncAPI document was not validated")
    if not (VALIDATOR / "node_modules" / "@asyncapi" / "parser").is_dir():
        install = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(install, cwd=VALIDATOR, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, f"npm could not install the AsyncAPI parser: {done.stderr[-500:]}"
    return node


def verdict(node: str, document: Path) -> dict[str, Any]:
    command = [node, str(VALIDATOR / "validate.mjs"), str(document)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_official_parser_finds_no_error(node: str) -> None:
    found = verdict(node, ASYNCAPI)
    assert [item for item in found["diagnostics"] if item["severity"] == ERROR] == []
    assert found["valid"] is True
    assert found["channels"] == len(load_topics()) + len(load_dead_letter_topics())
    assert found["messages"] == len(EVENT_TYPES) + 1


def test_the_official_parser_would_find_one(node: str, tmp_path: Path) -> None:
    document = yaml.safe_load(ASYNCAPI.read_text(encoding="utf-8"))
    document["channels"]["pos.purchases.v1"]["messages"] = {"a": {"$ref": "#/components/messages/gone"}}
    broken = tmp_path / "broken.yaml"
    broken.write_text(yaml.safe_dump(document), encoding="utf-8")
    found = verdict(node, broken)
    assert found["valid"] is False
    assert any(item["severity"] == ERROR for item in found["diagnostics"])


def test_every_topic_and_type_is_in_the_document() -> None:
    document = yaml.safe_load(ASYNCAPI.read_text(encoding="utf-8"))
    assert set(document["channels"]) == {*load_topics(), *load_dead_letter_topics()}
    names = {message["name"] for message in document["components"]["messages"].values()}
    assert names == {*EVENT_TYPES, "dead-letter"}
    for name, topic in load_topics().items():
        kafka = document["channels"][name]["bindings"]["kafka"]
        assert kafka["partitions"] == topic.partitions
        sent = {message.rsplit("/", 1)[-1] for message in document["channels"][name]["messages"]}
        assert {f"greenpoints.{short}" for short in sent} == topic.accepted_types
