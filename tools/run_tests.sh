#!/usr/bin/env bash
# All tests, in the environment of quickstart.sh (made here if it is not there yet):
#
#   bash tools/run_tests.sh                         the OneDL stack
#   bash tools/run_tests.sh tests/models -k head    what follows goes to pytest
#   bash tools/run_tests.sh --stack openmmlab --mmcv-wheel FILE
#                                                   the OpenMMLab originals; FILE is a built mmcv
# Settings: see environment.sh; WORKERS (pytest-xdist processes, default: cores, at most 4).
set -euo pipefail
stack=onedl wheel=''
while [ $# -gt 0 ]; do
  case $1 in
    --stack) stack=${2:?--stack needs onedl or openmmlab}; shift 2 ;;
    --mmcv-wheel)
      wheel=${2:?--mmcv-wheel needs a file}
      [ -f "$wheel" ] || { echo "run_tests.sh: no file $wheel" >&2; exit 1; }
      wheel=$(cd "$(dirname "$wheel")" && pwd)/$(basename "$wheel"); shift 2 ;;
    *) break ;;
  esac
done
# Paths among pytest's arguments are relative to the project.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/environment.sh
ensure_environment "$stack" "$wheel"

cores=$("$PYTHON_BIN" -c 'import os; print(min(4, len(os.sched_getaffinity(0)) \
  if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))')
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} MKL_NUM_THREADS=${MKL_NUM_THREADS:-1} MPLBACKEND=Agg
exec "$PYTHON_BIN" -m pytest -q -n "${WORKERS:-$cores}" --dist loadfile "$@"
