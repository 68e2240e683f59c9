#!/usr/bin/env bash
# Every network from a checkpoint to a row of the report: random weights in the layouts of their
# authors, a probe and neighbours of each on a few images, each fine-tuned by the recipe of its kind,
# detectors and segmentors on some of them.
# The numbers say nothing; that each of them is there, and stands beside the others, is the point.
# Stopped, it goes on where it was.
#
#   DATA      folder with train and val: images with classes    (default: the generated sample set)
#   COCO, ADE folders of boxes with masks, and of label maps    (default: the generated sample set)
#   FILES     where checkpoints are kept                        (default reports/networks)
#   OUTPUT    where runs and the report are kept                (default reports/networks/runs)
#   PYTHON    a Python with the packages of Tests/References/network_files.py
#   LIMIT     images of each split for a probe                  (default 10)
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
cd "$root"
files="${FILES:-reports/networks}"
output="${OUTPUT:-$files/runs}"
bin="${BIN:-.build/debug}"
limit="${LIMIT:-10}"
if [ ! -x "$bin/bench-suite" ]; then swift build; fi
classified=()
boxes=()
maps=()
if [ -n "${DATA:-}" ]; then classified=(--data "$DATA"); fi
if [ -n "${COCO:-}" ]; then boxes=(--data "$COCO"); fi
if [ -n "${ADE:-}" ]; then maps=(--data "$ADE"); fi
mkdir -p "$files"
target="$(cd "$files" && pwd)"
(cd Tests/References && "${PYTHON:-python3}" network_files.py "$target")

# Nobody publishes a Swin with batch norms: one update makes ours.
if [ ! -e "$files/swin-t-bn.pth" ]; then
  made="$("$bin/bench-pretrain" "${classified[@]}" --method supervised --architecture swin-t-bn \
    --preset full --epochs 1 --warmup-epochs 0 --batch-size 4 --limit 4 --probe-limit 0 \
    --no-forecast --output "$output" | tail -1)"
  cp "$made" "$files/swin-t-bn.pth"
fi

probe=(--recipe logistic --regularizations 1 --limit "$limit" --output "$output")
for size in 224 384; do
  names="$(find "$files" -maxdepth 1 -name '*.pth' | sort |
    if [ "$size" = 384 ]; then grep -e '-384\.pth$'; else grep -v -e '-384\.pth$'; fi | paste -sd,)"
  "$bin/bench-linear" "${classified[@]}" --backbone "$names" --input-size "$size" "${probe[@]}"
  # One epoch of fine-tuning, two images an update: Swin by its authors' recipe, ViT by DeiT's.
  for kind in swin deit; do
    tuned="$(tr , '\n' <<< "$names" |
      if [ "$kind" = swin ]; then grep /swin- || true; else grep -v /swin- || true; fi | paste -sd,)"
    if [ -z "$tuned" ]; then continue; fi
    "$bin/bench-linear" "${classified[@]}" --backbone "$tuned" --input-size "$size" \
      --recipe "fine-tune-$kind" --epochs 1 --batch-size 2 --limit "$limit" --output "$output"
  done
done

# Two images an update, one epoch, an eighth of the area: the networks are whole, the training is not.
small=(--preset full --seeds 0 --train-limit 2 --limit 4 --output "$output")
dense="$files/swin-t.pth,$files/swin-s.pth,$files/swin-b.pth,$files/dino-vit-s-16.pth"
"$bin/bench-coco" "${boxes[@]}" --backbone "$dense" --recipe cascade-1x --epochs 1 \
  --batch-size 2 --image-scale 0.3 "${small[@]}"
"$bin/bench-ade20k" "${maps[@]}" --backbone "$dense" --iterations 2 --batch-size 2 \
  --crop-size 128 "${small[@]}"

"$bin/bench-report" --runs "$output" --output "$output/comparison" --baseline swin-t
