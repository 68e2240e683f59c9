#!/usr/bin/env bash
# Makes a problem of COCO val's size and times bench-coco, hotcoco, vernier, faster-coco-eval and
# pycocotools on it. PEERS names some of them, REPEATS says how often.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
python="${PYTHON:-$here/.venv/bin/python}"
if [ ! -x "$python" ]; then
  echo "making a Python environment in Benchmarks/Coco/.venv" >&2
  python3 -m venv "$here/.venv"
  "$here/.venv/bin/pip" install --quiet pycocotools==2.0.11 faster-coco-eval==1.8.0 \
    hotcoco==1.3.0 vernier==0.5.4
fi
bin="$root/.build/debug"
if [ "${BUILD:-1}" = 1 ]; then
  swift build --package-path "$root" --product bench-data >&2
  swift build --package-path "$root" --product bench-coco >&2
fi
out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT
"$bin/bench-data" make-annotations --quiet --images "${IMAGES:-5000}" \
  --objects "${OBJECTS:-36781}" --output "$out/truth.json" --boxes "$out/boxes.json" \
  --masks "$out/masks.json" >&2
"$python" "$here/compare_evaluators.py" --binary "$bin/bench-coco" \
  --ground-truth "$out/truth.json" --bbox "$out/boxes.json" --segm "$out/masks.json" \
  --repeats "${REPEATS:-5}" --peers "${PEERS:-hotcoco,vernier,faster-coco-eval,pycocotools}"
echo
if [ "${TRAIN:-1}" = 1 ]; then
  "$bin/bench-data" make-annotations --quiet --images 118287 --objects 860001 \
    --corners 25 --output "$out/train.json" >&2
  "$python" "$here/compare_evaluators.py" --reader "$bin/bench-data" \
    --ground-truth "$out/train.json"
fi
