#!/usr/bin/env bash
# From a fresh clone to a trained model and a report, on a machine with Python 3.10+ and pip:
#
#   bash tools/quickstart.sh
#
# Makes the environment (.venv), the toy data set (data/toy), trains DeepLabV2 + GRM on it
# (work_dirs/quickstart, about two minutes on two cores), tests it and writes report.html there.
# Run it again: what is done is kept, what was cut off goes on. Settings: see environment.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/environment.sh

CONFIG=configs/grm/deeplabv2_r18_grm_toy.py
DATA=data/toy
WORK=work_dirs/quickstart

ensure_environment onedl
# One thread: tiny layers are faster so. The settings below are the configs' own.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} MKL_NUM_THREADS=${MKL_NUM_THREADS:-1}
export PYTHONWARNINGS=ignore MPLBACKEND=Agg MMWSSS_TOY=$DATA
unset MMWSSS_LABELS

run() { echo "== python $*"; "$PYTHON_BIN" "$@"; }

run tools/make_toy_dataset.py "$DATA"

# Trained from other code or data: train anew. Cut off: go on from the newest checkpoint.
key=$(cat $(find mmwsss configs tools -name '*.py' -not -path '*/.mim/*' | LC_ALL=C sort) \
      requirements/onedl.txt "$DATA/toy_dataset.json" | cksum)
if [ "$(cat "$WORK/made_from" 2>/dev/null)" != "$key" ]; then
  rm -rf "$WORK"
  mkdir -p "$WORK"
  echo "$key" > "$WORK/made_from"
fi
if [ -e "$WORK/done" ]; then
  echo "== trained and tested already (remove $WORK to do it again)"
else
  run tools/train.py "$CONFIG" --work-dir "$WORK" --resume --cfg-options randomness.seed=0
  checkpoint=$(basename "$(cat "$WORK/last_checkpoint")")
  run tools/test.py "$CONFIG" "$WORK/$checkpoint" --work-dir "$WORK/test" \
    --out "$WORK/predictions"
  run tools/make_report.py "$WORK" --data "$DATA" --predictions "$WORK/predictions" \
    --out "$WORK/report.html" \
    --command "bash tools/quickstart.sh" \
    --command "python tools/make_toy_dataset.py $DATA" \
    --command "MMWSSS_TOY=$DATA python tools/train.py $CONFIG --work-dir $WORK --cfg-options randomness.seed=0" \
    --command "MMWSSS_TOY=$DATA python tools/test.py $CONFIG $WORK/$checkpoint --out $WORK/predictions"
  touch "$WORK/done"
fi
echo
echo "Report: $WORK/report.html (open it in a browser)"
