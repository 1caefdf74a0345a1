# Sourced by ./run and ./test: makes .venv from requirements.lock, once per change of the lock, and says what it does.
# Sets PY to the environment's Python. Needs bash and a Python >= 3.11 with venv; nothing else.

pick_python() {
  local candidate
  # Each candidate is run, not just looked up: a version manager's shim may exist and still fail.
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "jurymast: needs Python >= 3.11 with the venv module (on Debian: apt-get install python3-venv), or set PYTHON=/path/to/python" >&2
  return 1
}

ensure_venv() {
  local key python uv started=$SECONDS
  # The directory is part of it: a copied environment still runs the code of the original.
  key="$(cat requirements.lock pyproject.toml deploy/venv.sh | cksum) in $PWD"
  PY=$PWD/.venv/bin/python
  if [ "$(cat .venv/.key 2>/dev/null)" = "$key" ] && "$PY" -c '' 2>/dev/null; then return; fi
  python=$(pick_python)
  echo "jurymast: preparing .venv with $("$python" --version) (first start, or the lock has changed)" >&2
  if [[ "$(cat .venv/.key 2>/dev/null)" != *" in $PWD" ]] || ! "$PY" -c '' 2>/dev/null; then "$python" -m venv --clear .venv; fi
  uv=$(command -v uv || true)
  if [ -z "$uv" ]; then
    "$PY" -m pip install --quiet --disable-pip-version-check "$(grep -o '^uv==[^ ]*' requirements.lock)"
    uv=.venv/bin/uv
  fi
  echo "jurymast: installing $(grep -c '^[a-z0-9].*==' requirements.lock) packages from requirements.lock" >&2
  "$uv" pip sync --quiet --python "$PY" --require-hashes requirements.lock
  "$uv" pip install --quiet --python "$PY" --no-deps --no-build-isolation --editable .
  echo "$key" >.venv/.key
  echo "jurymast: .venv ready in $((SECONDS - started)) s" >&2
}
