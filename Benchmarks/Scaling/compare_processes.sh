#!/usr/bin/env bash
# Swin-T trained with batches of 16 on this machine: by one process of two threads, by two of one,
# and by PyTorch's DDP over gloo in two of one; images a second and ratios. Ours reads, augments and
# mixes its images, theirs takes the same random ones again.
#
#   compare_processes.sh [images, 448]
#
# Needs `swift build -c release --product bench-pretrain`, mpirun of Open MPI, and PyTorch with timm
# in Benchmarks/PyTorch/.venv (compare.sh there makes it).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
program="${PROGRAM:-$root/.build/release/bench-pretrain}"
images="${1:-448}"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# Seconds of a training of so many images that is started by the words that follow.
seconds() {
  rm -rf runs
  "${@:2}" --method supervised --architecture swin-t --batch-size 16 --groups 2 --epochs 1 \
    --limit "$1" --probe-limit 0 --no-forecast --quiet --output runs --cache cache > /dev/null
  python3 -c 'import glob, json
print(json.load(open(glob.glob("runs/*/timing.json")[0]))["phases"]["training"])'
}

# Images a second; a short training is taken off, so that starting and saving do not count.
rate() {
  local short long
  short="$(seconds 96 "$@")"
  long="$(seconds $((96 + images)) "$@")"
  python3 -c "print($images / ($long - $short))"
}

launcher=(mpirun --bind-to none -n 2)
[ "$(id -u)" = 0 ] && launcher=(mpirun --allow-run-as-root --bind-to none -n 2)
launcher+=(--mca btl_vader_single_copy_mechanism none)
one="$(rate "$program" --threads 2)"
two="$(rate "${launcher[@]}" "$program" --threads 1)"
theirs="$(cd "$root/Benchmarks/PyTorch" && .venv/bin/python -m torch.distributed.run \
  --nproc-per-node 2 swin_ddp.py --threads 1 \
  | python3 -c 'import json, sys; print(json.loads(sys.stdin.readlines()[-1])["imagesPerSecond"])')"
python3 - "$one" "$two" "$theirs" <<'PYTHON'
import sys
one, two, theirs = map(float, sys.argv[1:])
print(f"one process of two threads {one:.2f} images/s, two of one {two:.2f} ({two / one:.2f}x), "
      f"PyTorch DDP {theirs:.2f} (ours {two / theirs:.2f}x)")
PYTHON
