"""The reference and the compiled grid, side by side through random histories: same refusals, same state, after each step."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contracts.histories import Histories

SETTINGS = settings(stateful_step_count=25, suppress_health_check=list(HealthCheck), print_blob=False)
OPERATIONS = {
    "BridgeIn", "CancelBelow", "Credit", "Deposit", "Enter", "EnterAccount", "EnterBalance", "EnterMatch", "EnterOrder",
    "Execute", "Listing", "Pause", "Resolve", "Rotation", "SettleHold", "Submit", "Transition", "Unpause",
}  # fmt: skip
ACTIONS = {"Intent", "Withdrawal", "BridgeOut", "Join", "Verdict"}
FEWEST = 5
"""Of the two ends of every operation: what never succeeds, or is never refused, has not been compared."""
FEWEST_REFUSALS = 35
"""Different ones."""


def test_histories_are_the_same_for_both() -> None:
    Histories.counts.clear()
    Histories.moved.clear()
    run_state_machine_as_test(Histories, settings=SETTINGS)
    counts = Histories.counts
    assert {name for name, _ in counts} == OPERATIONS
    for operation in OPERATIONS:
        refused = sum(count for (name, why), count in counts.items() if name == operation and why)
        assert min(counts[operation, ""], refused) >= FEWEST, (operation, counts[operation, ""], refused)
    assert {name: count for name, count in Histories.moved.items() if count >= FEWEST}.keys() == ACTIONS
    assert len({why for _, why in counts if why}) >= FEWEST_REFUSALS
