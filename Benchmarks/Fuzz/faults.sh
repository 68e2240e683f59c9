#!/usr/bin/env bash
# A full disk, folders that cannot be written, two processes on one folder, a clock that jumps: each
# must end in one sentence and a status, or in the bytes of an undisturbed run.
#
#   Benchmarks/Fuzz/faults.sh [working folder, a new one]
#
# Mounts small file systems, so it needs root and a namespace of its own (unshare -m); the clock
# needs libfaketime. What cannot be tried is said and counted.
set -euo pipefail
if [ "${1:-}" != inside ]; then
  if [ "$(id -u)" != 0 ]; then echo "skipped everything: mounting needs root"; exit 0; fi
  exec unshare -m bash "$0" inside "${1:-$(mktemp -d)}"
fi
bin=${SWINBENCH_PROGRAMS:-$(cd "$(dirname "$0")/../../.build/debug" && pwd)}
mkdir -p "$2"
cd "$2"
trials=0 failures=0 skipped=0

programs=(bench-linear bench-coco bench-ade20k bench-pretrain)
small="--threads 1 --quiet --save-minutes 0"
arguments() {
  case $1 in
    bench-linear) echo "--data sample/classification --backbone random --architecture swin-mini
      --preset smoke --epochs 3 --limit 48 --no-cached --input-size 32 --batch-size 16
      --threads 1 --quiet" ;;
    bench-coco) echo "--data sample/coco --backbone random --preset smoke --epochs 1 --train-limit 6
      --limit 2 --image-scale 0.25 --resamples 50 $small" ;;
    bench-ade20k) echo "--data sample/ade20k --backbone random --preset smoke --iterations 8
      --batch-size 2 --crop-size 32 --train-limit 4 --limit 2 --resamples 50 $small" ;;
    bench-pretrain) echo "--data sample/classification --preset smoke --limit 16 --epochs 2
      --batch-size 4 --queue-size 16 --hidden-size 32 --probe-limit 8 $small" ;;
  esac
}

# Runs a program into a folder; the status is printed, its text goes to files.
run() {
  local program=$1 output=$2 cache=$3 status=0
  # shellcheck disable=SC2046  # The words are options.
  timeout 300 "$bin/$program" $(arguments "$program") --output "$output" --cache "$cache" \
    >text 2>errors || status=$?
  echo "$status"
}

listing() {
  (cd "$1" && find . -type f ! -name timing.json ! -name .lock | LC_ALL=C sort \
    | tr '\n' '\0' | xargs -0 -r sha256sum)
}

failed() {
  failures=$((failures + 1))
  echo "FAILED: $1"
}

# The last trial must have ended with a status and one sentence of an error.
refused() {
  local what=$1 status=$2 wanted=$3
  trials=$((trials + 1))
  local sentence
  sentence=$(grep -c '^Error: .*\.$' errors || true)
  if [ "$status" != "$wanted" ] || [ "$sentence" != 1 ]; then
    failed "$what: status $status, $(tail -1 errors)"
  else
    echo "$what: $(grep '^Error: ' errors)"
  fi
}

# A folder must hold the bytes of the undisturbed run.
same() {
  trials=$((trials + 1))
  if listing "$3" | cmp -s - "whole-$2.list"; then
    echo "$1: same bytes"
  else
    failed "$1: $(listing "$3" | diff - "whole-$2.list" | head -3)"
  fi
}

[ -e sample ] || "$bin/bench-data" make --train-images 6 --val-images 4 --image-size 64 \
  --threads 1 --quiet --output sample >/dev/null
for program in "${programs[@]}"; do
  rm -rf whole
  [ "$(run "$program" whole/out whole/cache)" = 0 ] || { cat errors; exit 1; }
  listing whole/out >"whole-$program.list"
done

echo "# A full disk: the state or the record cannot be written; with room the run goes on"
mkdir -p disk
for program in "${programs[@]}"; do
  for size in 16k 120k 700k; do
    mount -t tmpfs -o size=$size tmpfs disk
    status=$(run "$program" disk/out disk/cache)
    if [ "$status" = 0 ]; then
      echo "$program: $size is enough"
    else
      refused "$program, $size" "$status" 73
      mount -o remount,size=200m disk
      [ "$(run "$program" disk/out disk/cache)" = 0 ] || failed "$program does not go on: $(tail -1 errors)"
      same "$program, $size, then room" "$program" disk/out
    fi
    umount disk
  done
done

echo "# Folders that cannot be written"
mkdir -p fixed
mount -t tmpfs -o ro tmpfs fixed
for program in "${programs[@]}"; do
  rm -rf free
  refused "$program, --output" "$(run "$program" fixed/out free/cache)" 73
  status=$(run "$program" free/out fixed/cache)
  # Who keeps nothing in the cache does not mind.
  if [ "$status" = 0 ]; then same "$program, --cache" "$program" free/out
  else refused "$program, --cache" "$status" 73; fi
done
status=0
"$bin/bench-data" make --quiet --output fixed/sample >text 2>errors || status=$?
refused "bench-data make" "$status" 73
status=0
"$bin/bench-report" --runs whole/out --output fixed/report --quiet >text 2>errors || status=$?
refused "bench-report" "$status" 73
umount fixed

echo "# Two processes on one run's folder, and on one cache"
for program in "${programs[@]}"; do
  rm -rf both
  # shellcheck disable=SC2046
  "$bin/$program" $(arguments "$program") --output both/out --cache both/cache >/dev/null 2>&1 &
  first=$!
  until [ -n "$(find both/out -name protocol.json 2>/dev/null)" ]; do sleep 0.01; done
  status=$(run "$program" both/out both/cache)
  if kill -0 "$first" 2>/dev/null || [ "$status" != 0 ]; then refused "$program" "$status" 73; fi
  wait "$first" || failed "$program: the first process ended with $?"
  same "$program, the first process" "$program" both/out
  rm -rf both
  # shellcheck disable=SC2046
  "$bin/$program" $(arguments "$program") --output both/1 --cache both/cache >/dev/null 2>&1 &
  first=$!
  [ "$(run "$program" both/2 both/cache)" = 0 ] || failed "$program on a shared cache: $(tail -1 errors)"
  wait "$first" || failed "$program on a shared cache: the first process ended with $?"
  same "$program, one cache, first" "$program" both/1
  same "$program, one cache, second" "$program" both/2
done

echo "# A clock that jumps a year forth and back while a program runs, and files of next year"
faketime=$(find /usr/lib -name libfaketime.so.1 -print -quit 2>/dev/null)
for program in "${programs[@]}"; do
  if [ -z "$faketime" ]; then
    echo "skipped: no libfaketime"
    skipped=$((skipped + 1))
    continue
  fi
  rm -rf jump
  find sample -exec touch -d '+1 year' {} +
  echo "+0" >clock
  (while sleep 0.3; do
    for jump in +365d -365d; do echo "$jump" >clock; sleep 0.3; done
  done) &
  ticking=$!
  status=$(export LD_PRELOAD=$faketime FAKETIME_TIMESTAMP_FILE=$PWD/clock FAKETIME_NO_CACHE=1 \
    DONT_FAKE_MONOTONIC=1; run "$program" jump/out jump/cache)
  kill "$ticking" 2>/dev/null
  { wait "$ticking" || true; } 2>/dev/null
  [ "$status" = 0 ] || failed "$program: status $status, $(tail -1 errors)"
  same "$program" "$program" jump/out
  trials=$((trials + 1))
  if grep -rlq '"seconds": *-' jump/out --include timing.json; then
    failed "$program: timing.json counts seconds below zero"
  fi
done
find sample -exec touch {} +

echo "$trials trials, $failures failed, $skipped skipped"
[ "$failures" = 0 ]
