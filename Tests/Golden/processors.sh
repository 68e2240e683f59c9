#!/usr/bin/env bash
# The same bits with AVX2 as with what this processor has: builds for x86-64-v3 beside the programs
# that are there, runs both through smoke.sh (the other one with AVX2 products), and compares.
#
#   Tests/Golden/processors.sh <folder of programs> <empty output folder>
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
programs=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
[ -z "$(ls -A "$out")" ] || { echo "Error: $2 is not empty; give a new folder." >&2; exit 64; }
other="$root/.build-x86-64-v3"
for program in data pretrain linear coco ade20k report; do
  (cd "$root" && SWINBENCH_CPU=x86-64-v3 swift build --scratch-path "$other" \
    --product "bench-$program" >"$out/build.log" 2>&1) \
    || { echo "Error: bench-$program could not be built for x86-64-v3, see $out/build.log" >&2; exit 1; }
done
"$here/smoke.sh" "$programs" "$out/here"
SWINBENCH_INSTRUCTIONS=avx2 "$here/smoke.sh" "$other/debug" "$out/avx2"
diff "$out/here/golden.txt" "$out/avx2/golden.txt" >"$out/differences.txt" \
  && echo "$(wc -l <"$out/here/golden.txt") files, all the same" \
  || { echo "$(grep -c '^<' "$out/differences.txt") files differ, see $out/differences.txt"; exit 1; }
