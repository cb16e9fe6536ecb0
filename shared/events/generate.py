"""Writes what is generated from the models: the JSON Schemas and the AsyncAPI document.

`python -m shared.events.generate` writes; `--check` fails where a committed file differs.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from shared.events.asyncapi import asyncapi_document
from shared.events.catalogue import EVENT_TYPES
from shared.events.json_schemas import data_schema, schema_name

_HERE: Final = Path(__file__).parent
SCHEMAS: Final = _HERE / "schemas"
ASYNCAPI: Final = _HERE.parents[1] / "docs" / "asyncapi.yaml"


def generated_files() -> Mapping[Path, str]:
    """Every generated file with its text."""
    files = {SCHEMAS / schema_name(model): _json(data_schema(model)) for model in EVENT_TYPES.values()}
    files[ASYNCAPI] = yaml.safe_dump(asyncapi_document(), sort_keys=False, allow_unicode=True, width=110)
    return files


def drift() -> list[str]:
    """One sentence for every committed file that is missing, different or no longer generated."""
    files = generated_files()
    sentences = [
        f"{path.name} differs from the models: run python -m shared.events.generate"
        for path, text in files.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    stale = set(SCHEMAS.glob("*.json")) - files.keys()
    return sentences + [f"{path.name} belongs to no event type: remove it" for path in sorted(stale)]


def main() -> int:
    """Writes the files, or checks them; the number of files that differ decides the exit status."""
    if "--check" in sys.argv[1:]:
        sentences = drift()
        sys.stdout.writelines(f"{sentence}\n" for sentence in sentences)
        return 1 if sentences else 0
    for path, text in generated_files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())
