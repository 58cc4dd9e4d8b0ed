"""A refusal: the code and text with which CloudStack declines, and the rule behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from harness.reference.rule import Rule

# How ReflectionToStringBuilderUtils renders an instance; a harness cannot know the database id.
INSTANCE_PATTERN = r'VM instance \{"id":\d+,"instanceName":"[^"]+","state":"[^"]+","type":"User","uuid":"[^"]+"\}'
_MARKS = {
    "<vm>": INSTANCE_PATTERN,
    "<uuid>": r"[0-9a-f-]{36}",
    "<account domain>": r"\d+",
}


@dataclass(frozen=True)
class Refusal:
    """`code` is the job's jobresultcode (or the HTTP status of a synchronous error).

    Marks in `text` stand for what a harness cannot know: `<vm>` for CloudStack's rendering of the instance, `<uuid>`
    for its id, `<account domain>` for the number of its account's domain. The rest is to the letter. `also` are words
    that other builds of the same release have for it.
    """

    code: int
    text: str
    rule: Rule
    also: tuple[str, ...] = field(default=(), compare=False)

    def matches(self, code: int, text: str) -> bool:
        """Whether an observed code and text are this refusal."""
        return code == self.code and any(re.fullmatch(_pattern(words), text) for words in (self.text, *self.also))

    def rendered(self, instance: str, uuid: str = "", account_domain: int = 1) -> str:
        """The text with what its marks stand for."""
        known = {"<vm>": instance, "<uuid>": uuid, "<account domain>": str(account_domain)}
        text = self.text
        for mark, value in known.items():
            text = text.replace(mark, value)
        return text


def _pattern(text: str) -> str:
    pattern = re.escape(text)
    for mark, stands_for in _MARKS.items():
        pattern = pattern.replace(re.escape(mark), stands_for)
    return pattern


def render_instance(database_id: int, instance_name: str, state: str, uuid: str) -> str:
    """An instance as CloudStack writes it into messages (seen on a 4.22 server)."""
    return (
        f'VM instance {{"id":{database_id},"instanceName":"{instance_name}","state":"{state}",'
        f'"type":"User","uuid":"{uuid}"}}'
    )
