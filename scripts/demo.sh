#!/usr/bin/env bash
# Installs what is missing and opens the demo; without a display it leaves demo.png instead.
# Further arguments go to `napari-unlearn demo`; --tour leaves demo-01-scan.png and so on.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"

if has_display; then
  prepare
  say "Opening the demo"
  exec "$VENV/bin/napari-unlearn" demo "$@"
fi
prepare "${VIRTUAL_DISPLAY[@]}"
say "No display here: running the demo on a virtual one"
on_virtual_display "$VENV/bin/napari-unlearn" demo --headless --screenshot "$ROOT/demo.png" "$@"
say "Pictures: $ROOT/demo*.png"
