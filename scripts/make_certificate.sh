#!/usr/bin/env bash
# Makes sample_data/certificate/ anew: simulates the contaminated site, has the sample's original
# forget it, audits it, and writes the certificate that is shipped as an example.
# bash scripts/make_certificate.sh [STUDY]   STUDY keeps the scans (default: build/study/contaminated-site)
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"
prepare
cd "$ROOT"
PATH="$VENV/bin:$PATH"
STUDY="${1:-build/study/contaminated-site}"
SAMPLE=sample_data/certificate
export NAPARI_UNLEARN_KEY="the key of the sample is no secret"

[ -f "$STUDY/experiment.toml" ] || napari-unlearn simulate "$STUDY" --protocol contaminated-site
rm -rf "$SAMPLE/runs" "$SAMPLE/tests" "$SAMPLE/ledger.jsonl"
ln -sfn "$(realpath -- "$STUDY/data")" "$SAMPLE/data"
trap 'rm -f "$SAMPLE/data" "$SAMPLE"/.*.lock' EXIT
python scripts/pack_certificate.py strangers "$STUDY"
python scripts/pack_certificate.py scans "$STUDY"
napari-unlearn unlearn "$SAMPLE" --strategy acquired-lines --device cpu
python scripts/pack_certificate.py model
rm -f "$SAMPLE"/runs/*/events.jsonl "$SAMPLE"/runs/*/.lock
napari-unlearn audit "$SAMPLE" --run acquired-lines --device cpu
napari-unlearn report "$SAMPLE" -o "$SAMPLE/certificate.html" --device cpu
say "$SAMPLE is new."
