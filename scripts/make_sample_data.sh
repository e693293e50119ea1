#!/usr/bin/env bash
# Makes sample_data/ anew: simulates three protocols, trains, unlearns, evaluates, packs.
# bash scripts/make_sample_data.sh [STUDY]   STUDY keeps the scans and runs (default: build/study)
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"
prepare
cd "$ROOT"
PATH="$VENV/bin:$PATH"
STUDY="${1:-build/study}"
SITE="$STUDY/contaminated-site"
ORGANS="$STUDY/brain-knee"
HEADS="$STUDY/heads"

run() {
  say "napari-unlearn $*"
  napari-unlearn "$@"
}

# Original and oracle side by side: two processes of one thread use two cores better than one of two.
train_both() {
  run train "$1" --role original --device cpu --threads 1 &
  run train "$1" --role oracle --device cpu --threads 1
  wait $!
}

run simulate "$ORGANS" --protocol brain-knee
run simulate "$SITE" --protocol contaminated-site
train_both "$ORGANS"
train_both "$SITE"

for strategy in ft nl-ft zero-filled refit-ignorant; do
  run unlearn "$ORGANS" --strategy "$strategy" --device cpu
done
for strategy in ft nl-ft zero-filled acquired-lines; do
  run unlearn "$SITE" --strategy "$strategy" --device cpu
done

run simulate "$HEADS" --protocol heads
train_both "$HEADS"
run unlearn "$HEADS" --strategy loss-match --device cpu

run simulate "$STUDY/samples" --anatomy brain --site B --seed 3390 --slices 3
run simulate "$STUDY/samples" --anatomy knee --seed 1190 --slices 3
python scripts/pack_sample_data.py "$STUDY"
python scripts/pack_sample_heads.py "$HEADS"
python scripts/make_knee_model.py "$STUDY/knee"
say "sample_data/ is new."
