#!/usr/bin/env bash
# Runs the fast tests with the oldest direct dependencies that pyproject.toml allows.
#
# Needs what scripts/setup.sh needs. torch alone comes as in constraints.txt: its floor is that
# version. Arguments go to pytest: bash scripts/test_floors.sh tests/io
#   NAPARI_UNLEARN_FLOORS  where the environment lives (default: .venv-floors in the repository)
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"
FLOORS="${NAPARI_UNLEARN_FLOORS:-$ROOT/.venv-floors}"

install_floors() {
  "$(find_python)" -m venv --clear "$FLOORS"
  "$FLOORS/bin/python" "$ROOT/scripts/floors.py" >"$FLOORS/floors.txt"
  "$FLOORS/bin/python" -m pip install --disable-pip-version-check --no-input \
    -c "$FLOORS/floors.txt" -e "$ROOT[pyqt6,tests]"
}

install_system_packages "${LIBRARIES[@]}" "${VIRTUAL_DISPLAY[@]}"
quietly "Installing the oldest allowed versions in $FLOORS" install_floors
cd "$ROOT"
on_virtual_display "$FLOORS/bin/python" -m pytest -m "not long" "$@"
