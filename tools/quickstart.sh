#!/usr/bin/env bash
# From a fresh clone to a weakly supervised model and a report, with Python 3.10+ and pip:
#
#   bash tools/quickstart.sh
#
# Makes the environment (.venv) and the toy data set (data/toy), then runs the GRM pipeline on it:
# classifier from image-level labels, activation maps, seeds, boundary network, pseudo labels,
# DeepLabV2 + GRM, test, report (work_dirs/grm_toy/report.html).
# Run it again: what is done is kept, what was cut off goes on. Settings: see environment.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/environment.sh

PIPELINE=configs/pipelines/grm_toy.py
WORK=work_dirs/grm_toy

ensure_environment onedl
# One thread: tiny layers are faster so.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} MKL_NUM_THREADS=${MKL_NUM_THREADS:-1}
export PYTHONWARNINGS=ignore MPLBACKEND=Agg MMWSSS_TOY=data/toy
unset MMWSSS_LABELS MMWSSS_IMAGE_LABELS MMWSSS_ACTIVATIONS

run() { echo "== python $*"; "$PYTHON_BIN" "$@"; }

run tools/make_toy_dataset.py "$MMWSSS_TOY"
run tools/pipeline.py "$PIPELINE" --work-dir "$WORK"
echo
"$PYTHON_BIN" tools/pipeline.py "$PIPELINE" --work-dir "$WORK" --status
echo
echo "Report: $WORK/report.html (open it in a browser)"
