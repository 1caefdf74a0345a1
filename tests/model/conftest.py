"""What the model has looked at is told after the tests, whichever process looked."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told = [
        str(text)
        for report in terminalreporter.stats.get("passed", [])
        for name, text in report.user_properties
        if name == "model"
    ]
    if told:
        terminalreporter.section("the model")
        for text in told:
            terminalreporter.write_line(text)
