"""A refusal: the code and text with which CloudStack declines, and the rule behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.reference.rules import Rule

# How ReflectionToStringBuilderUtils renders an instance; a harness cannot know the database id.
INSTANCE_PATTERN = r'VM instance \{"id":\d+,"instanceName":"[^"]+","state":"[^"]+","type":"User","uuid":"[^"]+"\}'
_INSTANCE_MARK = "<vm>"


@dataclass(frozen=True)
class Refusal:
    """`code` is the job's jobresultcode (or the HTTP status of a synchronous error).

    In `text` the mark `<vm>` stands for CloudStack's rendering of the instance; the rest is to the letter.
    """

    code: int
    text: str
    rule: Rule

    def matches(self, code: int, text: str) -> bool:
        """Whether an observed code and text are this refusal."""
        pattern = INSTANCE_PATTERN.join(re.escape(part) for part in self.text.split(_INSTANCE_MARK))
        return code == self.code and re.fullmatch(pattern, text) is not None

    def rendered(self, instance: str) -> str:
        """The text with `instance` in the place of the mark."""
        return self.text.replace(_INSTANCE_MARK, instance)


def render_instance(database_id: int, instance_name: str, state: str, uuid: str) -> str:
    """An instance as CloudStack writes it into messages (seen on a 4.22 server)."""
    return (
        f'VM instance {{"id":{database_id},"instanceName":"{instance_name}","state":"{state}",'
        f'"type":"User","uuid":"{uuid}"}}'
    )
