#!/usr/bin/env bash
# Kills the five programs with SIGKILL at random points of their processor time, lets each go on, and
# compares the bytes of what it leaves with those of a run that nobody disturbed (timing.json apart).
#
#   Benchmarks/Fuzz/kill.sh [kills, 100] [seed, 1] [working folder, a new one]
#
# Two of five kills wait for a file that is being written aside: moments of saving are short, and
# would hardly be met by chance. The programs are those of .build/debug, or of SWINBENCH_PROGRAMS.
set -euo pipefail
kills=${1:-100}
seed=${2:-1}
RANDOM=$seed
work=${3:-$(mktemp -d)}
bin=${SWINBENCH_PROGRAMS:-$(cd "$(dirname "$0")/../../.build/debug" && pwd)}
mkdir -p "$work"
cd "$work"

programs=(bench-linear bench-coco bench-ade20k bench-pretrain bench-report)
small="--threads 1 --quiet --save-minutes 0 --resamples 50"
arguments() {
  case $1 in
    bench-linear) echo "--data sample/classification --backbone random --architecture swin-mini
      --preset smoke --epochs 4 --limit 32 --seeds 0,1 --no-cached --input-size 32 --batch-size 16
      --threads 1 --quiet" ;;
    bench-coco) echo "--data sample/coco --backbone random --preset smoke --epochs 1 --train-limit 12
      --limit 4 --image-scale 0.25 --seeds 0,1 $small" ;;
    bench-ade20k) echo "--data sample/ade20k --backbone random --preset smoke --iterations 10
      --batch-size 2 --crop-size 32 --train-limit 8 --limit 4 --seeds 0,1 $small" ;;
    bench-pretrain) echo "--data sample/classification --preset smoke --limit 16 --epochs 2
      --batch-size 4 --queue-size 16 --hidden-size 64 --probe-limit 8 --threads 1 --quiet --save-minutes 0" ;;
    bench-report) echo "--runs runs --resamples 300000 --quiet" ;;
  esac
}

# Runs a program that leaves everything in a folder; its text goes to a file.
start() {
  local program=$1 folder=$2
  # shellcheck disable=SC2046  # The words are options.
  exec "$bin/$program" $(arguments "$program") --output "$folder/out" --cache "$folder/cache" \
    >"$folder/text" 2>&1
}

# Every file with its hash, but for what may differ.
listing() {
  (cd "$1/out" && find . -type f ! -name timing.json ! -name .lock | LC_ALL=C sort \
    | tr '\n' '\0' | xargs -0 -r sha256sum)
}

# What a process has computed so far, in ticks: what else the machine does moves no kill.
used() {
  local fields
  { read -r -a fields <"/proc/$1/stat"; } 2>/dev/null || return 1
  echo $((fields[13] + fields[14]))
}

# What a run was doing when it was killed, by what it left.
phase() {
  local out=$1/out
  if [ -n "$(find "$1" -name 'state*.partial-*' -print -quit 2>/dev/null)" ]; then
    echo save
  elif [ "$2" = bench-report ] || [ -n "$(find "$out" -name '*.partial-*' -print -quit 2>/dev/null)" ] \
    || [ -n "$(find "$out" \( -name 'result.json' -o -name '*-table-*' \) -print -quit 2>/dev/null)" ]; then
    echo report
  elif [ -n "$(find "$out" \( -name 'state*.safetensors' -o -name events.jsonl \) -print -quit 2>/dev/null)" ]; then
    echo epoch
  else
    echo start
  fi
}

[ -e sample ] || "$bin/bench-data" make --train-images 6 --val-images 4 --image-size 64 \
  --threads 1 --quiet --output sample >/dev/null
declare -A length count
for program in "${programs[@]}"; do
  rm -rf "whole-$program" && mkdir "whole-$program"
  (start "$program" "whole-$program") &
  child=$!
  length[$program]=0
  while now=$(used "$child"); do
    length[$program]=$now
    sleep 0.005
  done
  wait "$child" || { echo "$program fails undisturbed:"; cat "whole-$program/text"; exit 1; }
  listing "whole-$program" >"whole-$program/list"
  echo "$program: ${length[$program]} ticks of the processor, $(wc -l <"whole-$program/list") files"
  # The report is of what the others made.
  [ "$program" = bench-report ] || { mkdir -p runs && cp -r "whole-$program"/out/* runs/; }
done

failures=0
resumed=0
missed=0
number=0
# Also when it is stopped early.
figures() {
  echo "$number kills, seed $seed: in an epoch ${count[epoch]:-0}, in a save ${count[save]:-0}, in a" \
    "report ${count[report]:-0}, before the first step ${count[start]:-0}; $missed came after the" \
    "end and do not count; $resumed went on from a state; $failures failed"
}
trap figures EXIT
for ((number = 0; number < kills; number++)); do
  program=${programs[number % ${#programs[@]}]}
  folder=trial
  rm -rf "$folder" && mkdir "$folder"
  (start "$program" "$folder") &
  child=$!
  goal=$((RANDOM * length[$program] / 32768))
  aim=$((RANDOM % 5))
  while now=$(used "$child") && [ "$now" -lt "$goal" ]; do sleep 0.002; done
  if [ "$aim" -lt 2 ]; then
    name='*.partial-*'
    [ "$aim" = 1 ] && name='state*.partial-*'
    until [ -n "$(find "$folder" -name "$name" -print -quit 2>/dev/null)" ] \
      || ! kill -0 "$child" 2>/dev/null; do :; done
  fi
  kill -9 "$child" 2>/dev/null || true
  status=0
  { wait "$child" || status=$?; } 2>/dev/null
  if [ "$status" != 137 ]; then
    # Too late: tried again with other numbers.
    missed=$((missed + 1))
    number=$((number - 1))
    [ "$missed" -lt "$kills" ] || break
    continue
  fi
  at=$(phase "$folder" "$program")
  count[$at]=$((${count[$at]:-0} + 1))
  states=$(find "$folder" -name 'state*.safetensors' | wc -l)
  if ! (start "$program" "$folder"); then
    echo "kill $number, $program, $at: does not go on: $(tail -1 "$folder/text")"
    failures=$((failures + 1))
  elif ! listing "$folder" | cmp -s - "whole-$program/list"; then
    echo "kill $number, $program, $at: other bytes:"
    listing "$folder" | diff - "whole-$program/list" | head -5 || true
    failures=$((failures + 1))
  fi
  resumed=$((resumed + (states > 0)))
done
[ "$failures" = 0 ]
