#!/usr/bin/env bash
# Makes README's pictures anew, each in colour and in grey: docs/demo*.png and docs/tour*.png.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"
prepare "${VIRTUAL_DISPLAY[@]}"
cd "$ROOT"
SHOTS="$(mktemp -d)"
trap 'rm -rf "$SHOTS"' EXIT
# The window's size and docks are those of a first start, and no path of this machine is shown.
export NAPARI_CONFIG="$SHOTS/settings.yaml" NAPARI_UNLEARN_SAMPLES=sample_data

say "Photographing the demo"
on_virtual_display "$VENV/bin/napari-unlearn" demo --headless --screenshot "$SHOTS/demo.png"
say "Photographing the tour"
on_virtual_display "$VENV/bin/napari-unlearn" demo --tour --headless --screenshot "$SHOTS/tour.png"
"$VENV/bin/python" scripts/pack_screenshots.py "$SHOTS/demo.png" docs/demo
"$VENV/bin/python" scripts/pack_screenshots.py "$SHOTS"/tour-*-kinds.png docs/tour
