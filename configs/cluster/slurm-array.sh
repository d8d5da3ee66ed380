#!/usr/bin/env bash
# Searches that know nothing of each other, without Ray: a Slurm array, a GPU, a seed and a study for each task.
#
#   VENV=/shared/venv DATA_DIR=/shared/data OUT=/shared/runs/c10 sbatch configs/cluster/slurm-array.sh
#
#   VENV      a virtual environment (pip install '.[cuda]' in the clone), on a file system that all nodes see
#   DATA_DIR  prepared datasets, likewise
#   OUT       a folder for the studies, likewise: OUT/seed-0, OUT/seed-1, ...; one that is there is gone on with
#   CONFIG    settings of the searches [configs/cluster/cifar10.toml of the folder that sbatch was called in]
#
# Ten minutes before its time is over a task stops as upon Ctrl-C, and puts itself into the queue again. Where they are
# through, the frontiers can be joined: JOIN=yes in front of the same line, with --array=N of a number not used yet.
#
# PLACEHOLDERS: what your cluster wants besides, as options of sbatch or here.
##SBATCH --account=YOUR_ACCOUNT
##SBATCH --partition=YOUR_GPU_PARTITION
#SBATCH --job-name=ecojax-array
#SBATCH --array=0-7
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=08:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:INT@600
set -euo pipefail

: "${VENV:?the virtual environment, on a file system that all nodes see}"
: "${DATA_DIR:?the folder of prepared datasets, on a file system that all nodes see}"
: "${OUT:?the folder of the studies}"
config=${CONFIG:-$SLURM_SUBMIT_DIR/configs/cluster/cifar10.toml}
seed=$SLURM_ARRAY_TASK_ID
study=$OUT/seed-$seed

search=("$VENV/bin/ecojax" search --out "$study" --data-dir "$DATA_DIR" --executor local --workers 1)
if [[ -e $study/study.db ]]; then
  search+=(--resume)
else
  search+=(--config "$config" --seed "$seed")
  if [[ -n ${JOIN:-} ]]; then
    for other in "$OUT"/seed-*/; do search+=(--from "${other%/}"); done
  fi
fi
"${search[@]}" &
driver=$!
asked=''
trap 'asked=yes; kill -INT "$driver" 2>/dev/null || true' INT

status=0
wait "$driver" || status=$?
if [[ -n $asked ]]; then # the signal ended that wait, not the search
  status=0
  wait "$driver" || status=$?
  ((status != 130)) || scontrol requeue "${SLURM_ARRAY_JOB_ID}_$seed"
fi
exit "$status"
