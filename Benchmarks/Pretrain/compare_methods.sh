#!/usr/bin/env bash
# Trains every method at an equal budget of operations and compares the backbones, with random
# initialisation beside them, by linear probe and kNN. Runs that are finished are not repeated.
#
#   DATA      folder with train and val        (default: the generated sample set)
#   GFLOP     operations a method, in billions (default 14000: 47 epochs of MoBY on 1000 images)
#   METHODS   which methods                    (default: all)
#   OUTPUT    where runs are kept              (default reports/runs)
#   JOBS      methods trained at once, a thread each (default: one a core)
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
cd "$root"
gflop="${GFLOP:-14000}"
output="${OUTPUT:-reports/runs}"
bin="${BIN:-.build/debug}"
data=()
if [ -n "${DATA:-}" ]; then
  data=(--data "$DATA")
else
  swift run bench-data make >/dev/null
  data=(--data datasets/sample/classification)
fi
if [ ! -x "$bin/bench-pretrain" ]; then
  swift build --product bench-pretrain
  swift build --product bench-linear
fi
named() { # every method that the program names in its help
  "$bin/bench-pretrain" --help-all | tr -s '\n ' ' ' |
    sed -E 's/.*How the backbone is trained\. One of ([^.]*)\..*/\1/; s/,//g'
}
methods="${METHODS:-$(named)}"
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
train() {
  "$bin/bench-pretrain" --method "$1" --preset mini --gflop "$gflop" --threads 1 --no-forecast --probe-limit 250 \
    --output "$output" "${data[@]}" >"$logs/$1.path" 2>"$logs/$1.log" ||
    { echo "Error: $1 failed:" >&2; tail -3 "$logs/$1.log" >&2; exit 1; }
  echo "$1 finished: $(tail -1 "$logs/$1.log")" >&2
}
running=0
for method in $methods; do
  train "$method" &
  running=$((running + 1))
  if [ "$running" -ge "${JOBS:-$(nproc)}" ]; then
    wait -n
    running=$((running - 1))
  fi
done
wait
checkpoints="random"
for method in $methods; do
  [ -s "$logs/$method.path" ] || exit 1
  checkpoints="$checkpoints,$(cat "$logs/$method.path")"
done
"$bin/bench-linear" --preset mini --architecture swin-mini --backbone "$checkpoints" \
  --seeds 0,1,2 --output "$output" "${data[@]}"
