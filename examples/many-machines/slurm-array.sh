#!/bin/bash
# Slurm, one model a machine: sbatch slurm-array.sh
# Each task of the array runs the suite with one line of models.txt, into a run of its own; the last
# step makes them one run:
#   distilbench merge runs/part-*/* --out runs/all
#SBATCH --job-name=distilbench
#SBATCH --array=1-2
#SBATCH --nodes=1
#SBATCH --exclusive
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@60
#SBATCH --requeue
set -euo pipefail
model=$(sed -n "${SLURM_ARRAY_TASK_ID}p" models.txt)
# In place of this shell, so that Slurm's SIGTERM reaches it: what is answered is kept, and the task,
# put back into the queue, goes on from there.
exec distilbench run suite.yaml --models "$model" --out "runs/part-$SLURM_ARRAY_TASK_ID"
