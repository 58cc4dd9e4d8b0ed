"""The books of capacity."""

from __future__ import annotations

from harness.lab.management.ledger import Amount, CapacityLedger
from harness.reference.offering import Size

_ONE = Amount(500, 1000)


def test_an_amount_is_vcpus_times_speed_and_memory_in_bytes() -> None:
    assert Amount.of(Size(2, 700, 512)) == Amount(1400, 512 << 20)


def test_room_moves_from_used_to_reserved_and_back() -> None:
    ledger = CapacityLedger(["kvm1"])
    ledger.allocate("kvm1", _ONE)
    ledger.release("kvm1", _ONE, keep_reserved=True)
    assert (ledger.used("kvm1"), ledger.reserved("kvm1")) == (Amount(), _ONE)
    ledger.allocate("kvm1", _ONE, from_reserved=True)
    assert (ledger.used("kvm1"), ledger.reserved("kvm1")) == (_ONE, Amount())
    ledger.release("kvm1", _ONE, keep_reserved=True)
    ledger.release_reserved("kvm1", _ONE)
    assert (ledger.used("kvm1"), ledger.reserved("kvm1")) == (Amount(), Amount())


def test_more_than_is_there_is_not_taken_at_all() -> None:
    ledger = CapacityLedger(["kvm1"])
    ledger.allocate("kvm1", _ONE)
    ledger.release("kvm1", Amount(100, 2000))
    assert ledger.used("kvm1") == Amount(400, 1000)


def test_the_books_are_drawn_up_anew_from_what_is_there() -> None:
    ledger = CapacityLedger(["kvm1", "kvm2"])
    ledger.allocate("kvm1", Amount(9, 9))
    ledger.redraw([("kvm2", _ONE), ("kvm2", _ONE)], [("kvm1", _ONE)])
    assert (ledger.used("kvm1"), ledger.used("kvm2")) == (Amount(), Amount(1000, 2000))
    assert (ledger.reserved("kvm1"), ledger.reserved("kvm2")) == (_ONE, Amount())
