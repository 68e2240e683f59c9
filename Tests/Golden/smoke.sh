#!/usr/bin/env bash
# Runs every program once, small and with fixed seeds, and hashes what came out; see README.md.
#
#   Tests/Golden/smoke.sh <folder of programs> <empty output folder>
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
[ -z "$(ls -A)" ] || { echo "Error: $2 is not empty; give a new folder." >&2; exit 64; }

# run <name> <program> <arguments>: what it prints goes to <name>.out, its errors to <name>.err.
run() {
  local name=$1 program=$2 status=0
  shift 2
  echo "$name" >&2
  "$programs/$program" "$@" >"$name.out" 2>"$name.err" || status=$?
  [ $status = 0 ] || { echo "Error: $name ends with $status: $(grep -m1 Error "$name.err")" >&2; exit 1; }
}
# The only file of a name under a folder.
only() { find "$1" -name "$2" | sort | head -1; }

# MARK: Data
run data-make bench-data make --output sample --train-images 8 --val-images 4 --image-size 64 --quiet
run data-annotations bench-data make-annotations --images 60 --objects 400 \
  --detections-per-image 20 --output annotations.json --boxes boxes.json --masks masks.json --quiet
run data-check bench-data check --data sample/ade20k --cache cache --quiet
run data-check-coco bench-data check-annotations --annotations annotations.json
for view in train moby; do
  run "data-show-$view" bench-data show --data sample/classification --view $view --count 6 \
    --output "sheet-$view.png"
done

# MARK: Pretraining
for method in moby moco-v2 byol moco-v3 dino dino-multicrop supervised; do
  run "pretrain-$method" bench-pretrain --data sample/classification --method $method \
    --preset smoke --epochs 2 --batch-size 8 --limit 32 --probe-limit 24 --seeds 3 --no-forecast \
    --no-check --output "pretrain-$method" --cache cache --quiet
done
backbone=$(only pretrain-supervised '*.pth')

# MARK: Linear
linear="--data sample/classification --architecture swin-mini --preset smoke --epochs 3 --limit 60
  --seeds 0,1 --no-check --cache cache --quiet"
run linear-cached bench-linear $linear --backbone "random,$backbone" --cached \
  --learning-rates 0.3,1 --output linear-cached
run linear-augmented bench-linear $linear --backbone random --output linear-augmented

# MARK: Detection
coco="--data sample/coco --seeds 1 --resamples 20 --epochs 1 --no-check --cache cache --quiet"
mini="--preset mini --image-scale 0.5"
run coco-mask bench-coco $coco $mini --backbone "random,$backbone" --train-limit 12 --limit 6 \
  --output coco-mask
run coco-cascade bench-coco $coco --recipe cascade-1x --image-scale 0.1 --backbone random \
  --train-limit 2 --batch-size 2 --limit 1 --output coco-cascade
run coco-show bench-coco show --detector "$(only coco-mask detector.pth)" --data sample/coco $mini \
  --count 2 --score 0.05 --output detections.png --quiet
run coco-evaluate bench-coco evaluate --ground-truth annotations.json --detections boxes.json \
  --versus masks.json --iou-type bbox --per-class --errors --resamples 50 --output evaluate.json \
  --records matches --quiet
run coco-evaluate-masks bench-coco evaluate --ground-truth annotations.json \
  --detections masks.json --iou-type segm,bbox --output evaluate-masks.json --quiet

# MARK: Segmentation
ade="--data sample/ade20k --preset mini --crop-size 48 --seeds 1 --resamples 20 --no-check
  --cache cache --quiet"
run ade bench-ade20k $ade --backbone "random,$backbone" --iterations 20 --batch-size 2 --limit 6 \
  --output ade
segmentor=$(only ade segmentor.pth)
run ade-slide bench-ade20k $ade --segmentor "$segmentor" --eval-only --mode slide --limit 4 \
  --output ade-slide
run ade-flip bench-ade20k $ade --segmentor "$segmentor" --eval-only --mode ms-flip --limit 2 \
  --output ade-flip
run ade-evaluate bench-ade20k evaluate --ground-truth sample/ade20k \
  --predictions sample/ade20k/annotations/validation --per-class --resamples 50 \
  --output ade-evaluate.json --records ade-records.jsonl --quiet
run ade-show bench-ade20k show --images sample/ade20k/images/validation \
  --labels sample/ade20k/annotations/validation --count 2 --output ade-shown --quiet

# MARK: Report
runs=linear-cached,linear-augmented,coco-mask,coco-cascade,ade
run report bench-report --runs $runs --output report --cache cache --references none \
  --resamples 100 --seed 1
run report-explain bench-report explain all --runs $runs

python3 "$here/hashes.py" .
