#!/usr/bin/env bash
# Runs the fast tests with the oldest direct dependencies that pyproject.toml allows.
#
# Needs what scripts/setup.sh needs. torch alone comes as in constraints.txt: its floor is that
# version. Arguments go to pytest: bash scripts/test_floors.sh tests/io
#   NAPARI_UNLEARN_FLOORS  where the environment lives (default: .venv-floors in the repository)
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"
FLOORS="${NAPARI_UNLEARN_FLOORS:-$ROOT/.venv-floors}"

# uv knows how to resolve downwards; pip then installs, from wherever it is told to.
install_floors() {
  local torch
  torch="$(grep '^torch==' "$ROOT/constraints.txt")"
  "$(find_python)" -m venv --clear "$FLOORS"
  "$FLOORS/bin/python" -m pip install --disable-pip-version-check -q uv
  SSL_CERT_FILE="${SSL_CERT_FILE:-${PIP_CERT:-}}" "$FLOORS/bin/uv" pip compile -q \
    --python "$FLOORS/bin/python" --resolution lowest-direct --extra pyqt6 --extra tests \
    --constraints <(echo "$torch") -o "$FLOORS/resolved.txt" "$ROOT/pyproject.toml"
  # What only a CUDA build of torch asks for is left to torch itself.
  grep -E '^[a-z]' "$FLOORS/resolved.txt" | grep -Ev '^(torch|nvidia-|cuda-|triton)' >"$FLOORS/floors.txt"
  "$FLOORS/bin/python" -m pip install --disable-pip-version-check --no-input \
    -r "$FLOORS/floors.txt" "$torch"
  "$FLOORS/bin/python" -m pip install --disable-pip-version-check --no-input --no-deps -e "$ROOT"
}

install_system_packages "${LIBRARIES[@]}" "${VIRTUAL_DISPLAY[@]}"
quietly "Installing the oldest allowed versions in $FLOORS" install_floors
cd "$ROOT"
on_virtual_display "$FLOORS/bin/python" -m pytest -m "not long" "$@"
