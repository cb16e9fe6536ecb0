"""What members read: always in both languages."""

from typing import Annotated

from pydantic import Field

from shared.programs.fields import PackPart, Sentence


class Name(PackPart):
    """A name or a sentence as members read it."""

    zh_cn: Annotated[Sentence, Field(alias="zh-CN")]
    en: Sentence
