#!/usr/bin/env bash
# Train under Slurm, one task a GPU:
#   GPUS=8 GPUS_PER_NODE=4 tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of train.py]
# SRUN_ARGS holds further options of srun, CPUS_PER_TASK the cores of a task (default 5).
set -euo pipefail
if [ $# -lt 3 ]; then sed -n '2,4s/^# //p' "$0" >&2; exit 2; fi
TOOLS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
PARTITION="$1"; JOB_NAME="$2"; CONFIG="$3"; shift 3
GPUS="${GPUS:-4}"
GPUS_PER_NODE="${GPUS_PER_NODE:-$((GPUS < 4 ? GPUS : 4))}"

# shellcheck disable=SC2086  # SRUN_ARGS is a list of words
exec srun --partition="$PARTITION" --job-name="$JOB_NAME" \
    --gres="gpu:$GPUS_PER_NODE" --ntasks="$GPUS" --ntasks-per-node="$GPUS_PER_NODE" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$TOOLS/train.py" "$CONFIG" --launcher slurm "$@"
