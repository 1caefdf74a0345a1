#!/usr/bin/env bash
# Locks what pyproject.toml asks for: requirements.lock for development and tests, and of that requirements-runtime.lock, what the
# container image holds; what contracts/evm/package.json asks for; and what analyses the contracts, each in an environment of its own,
# as these ask for versions that nothing else here can use. Versions that are locked stay as they are; options such as --upgrade are passed on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
compile=(.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate)
"${compile[@]}" pyproject.toml --all-extras --group dev -o requirements.lock "$@"
rm -f requirements-runtime.lock # Every version in it comes from the other one.
"${compile[@]}" pyproject.toml --extra otel -c requirements.lock -o requirements-runtime.lock
.venv/bin/python -m tests.npm npm install --package-lock-only
for tool in halmos slither; do "${compile[@]}" "contracts/evm/tools/$tool.in" -o "contracts/evm/tools/$tool.lock" "$@"; done
