#!/bin/bash
# Hugging Face Jobs, one model a job: ./hf-jobs.sh OWNER/BUCKET
# Each job writes its run into a folder of the bucket (hf buckets create OWNER/BUCKET), which is
# mounted. Afterwards:
#   hf sync hf://buckets/OWNER/BUCKET runs && distilbench merge runs/part-*/* --out runs/all
set -euo pipefail
bucket=$1
part=0
while read -r model; do
  part=$((part + 1))
  hf jobs run --detach --name "distilbench-$part" --flavor "${FLAVOR:-cpu-upgrade}" --timeout 4h \
    --attempts 3 --secrets HF_TOKEN \
    --volume ./:/suite:ro --volume "hf://buckets/$bucket:/runs" \
    python:3.12 \
    bash -c "pip install --quiet 'distilbench[demo]' \
      && distilbench run /suite/suite.yaml --models '$model' --out /runs/part-$part"
done < models.txt
