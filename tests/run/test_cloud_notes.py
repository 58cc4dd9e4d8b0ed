"""What a run changes and what bears no name is noted on the cloud before, and told from there."""

from harness.cloud import tags
from harness.run.cloud_notes import CloudNotes, noted
from harness.run.ledger import HostTagsChanged, InstanceMade, SettingChanged, TemplateFlagChanged
from harness.run.session import Session
from harness.waiting import wait_until

_RUN = "20260101-000000-1"
_CHANGES = (
    SettingChanged(name="a.setting", former="0", ours="5", inherited=True, cluster_id="c1"),
    HostTagsChanged(host_id="h1", host_name="kvm1", former=",".join(f"tag-{n}" for n in range(99)), ours="one"),
    TemplateFlagChanged(template_id="t1", template_name='a "template"', former=False),
)


def test_notes_are_read_back_in_their_order_and_gone_when_they_are_forgotten(session: Session) -> None:
    notes = CloudNotes(session.calling_api(), 20, _RUN)
    for number, change in enumerate(_CHANGES, start=9):
        notes.write(number, change)
    notes.write(1, InstanceMade(name="it has a name"))
    assert noted(session.api) == {_RUN: list(_CHANGES)}
    notes.forget(10, _CHANGES[1])
    wait_until("a note to be gone", lambda: noted(session.api), lambda now: len(now[_RUN]) == 2, 5)
    notes.forget_all()
    wait_until("all notes to be gone", lambda: noted(session.api), lambda now: now == {}, 5)


def test_a_note_that_somebody_has_spoilt_is_not_gone_by(session: Session) -> None:
    notes = CloudNotes(session.calling_api(), 20, _RUN)
    change = _CHANGES[0].model_copy(update={"former": "x" * 400})
    notes.write(1, change)
    user = notes._user
    there = tags.listed(session.api, tags.USER, user)
    [first] = [key for key in there if key.endswith(".1.0")]
    tags.delete(session.api, 20, tags.USER, user, first, there[first])
    assert noted(session.api) == {}
    notes.forget_all()
    wait_until("the rest to be gone", lambda: tags.listed(session.api, tags.USER, user), lambda now: now == {}, 5)
