#!/usr/bin/env bash
# One search on several nodes: a Slurm job that starts Ray, and ecojax on its first node.
#
#   VENV=/shared/venv DATA_DIR=/shared/data OUT=/shared/runs/c10 sbatch configs/cluster/slurm-ray.sh
#
#   VENV      a virtual environment (pip install '.[cuda,ray]' in the clone), on a file system that all nodes see
#   DATA_DIR  prepared datasets, likewise
#   OUT       the study's folder, likewise; where it holds one, the search goes on with it
#   CONFIG    settings of the search [configs/cluster/cifar10.toml of the folder that sbatch was called in]
#   HEAD_IP   of the first node, where it has several addresses and the others cannot reach the first of them
#
# Ten minutes before its time is over the job stops as upon Ctrl-C, and puts itself into the queue again.
#
# PLACEHOLDERS: what your cluster wants besides, as options of sbatch or here.
##SBATCH --account=YOUR_ACCOUNT
##SBATCH --partition=YOUR_GPU_PARTITION
#SBATCH --job-name=ecojax
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=16
#SBATCH --exclusive
#SBATCH --time=08:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:INT@600
set -euo pipefail

: "${VENV:?the virtual environment, on a file system that all nodes see}"
: "${DATA_DIR:?the folder of prepared datasets, on a file system that all nodes see}"
: "${OUT:?the folder of the study}"
config=${CONFIG:-$SLURM_SUBMIT_DIR/configs/cluster/cifar10.toml}

# Whoever reaches a Ray cluster can run programs on it, so it has a token that only this job knows.
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token

# This script runs on the first node of the job.
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
addresses=$(hostname -I)
address=${HEAD_IP:-${addresses%% *}}:$((20000 + SLURM_JOB_ID % 10000)) # of its own, where jobs share nodes

srun --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" \
  "$VENV/bin/ray" start --head --block --disable-usage-stats \
  --node-ip-address="${address%:*}" --port="${address#*:}" &
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

for ((second = 0; ; second++)); do
  "$VENV/bin/ray" status --address="$address" >/dev/null 2>&1 && break
  ((second < 120)) || { echo "Ray did not start on ${nodes[0]} at $address" >&2; exit 1; }
  sleep 1
done

# Those that come up later get work later; the search does not wait for them.
others=$((${#nodes[@]} - 1))
if ((others > 0)); then
  srun --nodes="$others" --ntasks="$others" --exclude="${nodes[0]}" \
    "$VENV/bin/ray" start --block --disable-usage-stats --address="$address" &
fi

search=("$VENV/bin/ecojax" search --out "$OUT" --data-dir "$DATA_DIR" --executor ray --ray-address "$address")
if [[ -e $OUT/study.db ]]; then search+=(--resume); else search+=(--config "$config"); fi
"${search[@]}" &
driver=$!
asked=''
trap 'asked=yes; kill -INT "$driver" 2>/dev/null || true' INT

status=0
wait "$driver" || status=$?
if [[ -n $asked ]]; then # the signal ended that wait, not the search
  status=0
  wait "$driver" || status=$?
  ((status != 130)) || scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
