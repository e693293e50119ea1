#!/usr/bin/env bash
# Installs what is missing, then checks style, types, layers and manifest, and runs the tests.
# Arguments go to pytest: bash scripts/test.sh -k mri
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"
prepare "${VIRTUAL_DISPLAY[@]}"
cd "$ROOT"
PATH="$VENV/bin:$PATH"

stage() {
  local title="$1" started=$SECONDS
  shift
  say "$title"
  "$@" || fail "$title: failed, see above."
  say "$title: passed in $((SECONDS - started)) s"
}

stage "Style" ruff check .
stage "Format" ruff format --check .
stage "Types" mypy
stage "Layers" lint-imports
stage "Manifest" npe2 validate napari_unlearn/napari.yaml
# A process for each core with one thread each: two teams of threads wait for one another instead. A file
# stays with one process, as its tests share what took long to prepare.
export OMP_NUM_THREADS=1
stage "Tests" on_virtual_display python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder "$@"
