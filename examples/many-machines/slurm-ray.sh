#!/bin/bash
# Slurm, one run on several machines: sbatch slurm-ray.sh
# ray symmetric-run (Ray 2.49 or newer) starts Ray on every machine and the command on the first.
#SBATCH --job-name=distilbench
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=04:00:00
set -euo pipefail
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$head:${RAY_PORT:-6390}
# Ray gives its tasks a low priority, and their latencies would be those of a low priority.
export RAY_worker_niceness=0 RAY_ADDRESS=$address
srun --nodes="$SLURM_NNODES" --ntasks="$SLURM_NNODES" \
  ray symmetric-run --address "$address" --min-nodes "$SLURM_NNODES" \
  --num-cpus "${SLURM_CPUS_ON_NODE:-$(nproc)}" --disable-usage-stats \
  -- distilbench run suite.yaml --out runs --executor ray --address "$address"
