#!/usr/bin/env bash
# Every task of the suite on the sample set for random, supervised and MoBY backbones, then the
# report of them. A task that was finished before is taken as it is; one that was stopped goes on.
#
#   Benchmarks/Report/suite.sh [output folder, reports/comparison]
set -euo pipefail
cd "$(dirname "$0")/../.."
output=${1:-reports/comparison}

run() {
  local program=$1
  shift
  echo "$program" >&2
  swift build --product "$program" >&2
  swift run --skip-build "$program" "$@"
}

run bench-linear >/dev/null
run bench-coco >/dev/null
run bench-ade20k >/dev/null
run bench-report --output "$output"

page=$output/report.html
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xdg-open >/dev/null; then
  xdg-open "$page" >/dev/null 2>&1 || true
elif [ "$(uname)" = Darwin ]; then
  open "$page"
fi
echo "open $page" >&2
