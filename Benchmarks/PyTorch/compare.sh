#!/usr/bin/env bash
# Runs the engine and PyTorch eager one after the other on this machine and prints the ratios.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
venv="$here/.venv"
threads="${THREADS:-2}"
if [ ! -x "$venv/bin/python" ]; then
  echo "making a Python environment in Benchmarks/PyTorch/.venv" >&2
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r "$here/requirements.txt"
fi
out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT
SWINBENCH_THREADS="$threads" "$root/.build/release/bench-kernels" all "$out/photographs" \
  > "$out/ours.jsonl"
# The matrix product again under each manual setting: the automatic choice must hold its own.
for core in SkylakeX Haswell Zen; do
  OPENBLAS_CORETYPE="$core" SWINBENCH_THREADS="$threads" \
    "$root/.build/release/bench-kernels" sgemm > "$out/sgemm-$core.jsonl"
done
for part in inference training moby; do
  "$venv/bin/python" "$here/swin_throughput.py" --threads "$threads" --part "$part" >> "$out/theirs.jsonl"
done
for part in detector segmentor; do
  "$venv/bin/python" "$here/whole_models.py" --threads "$threads" --part "$part" >> "$out/theirs.jsonl"
done
"$venv/bin/python" "$here/data_pipelines.py" "$out/photographs" >> "$out/theirs.jsonl"
"$venv/bin/python" "$here/dense_operations.py" --threads "$threads" >> "$out/theirs.jsonl"
"$venv/bin/python" "$here/ratios.py" "$out"
