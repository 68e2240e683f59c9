#!/usr/bin/env bash
# Runs the engine and the engines of others one after the other on this machine, prints the ratios
# and keeps them in Benchmarks/results/<processor>/<commit>. PARTS leaves parts out, for example
# PARTS="sgemm inference"; ENGINES says beside whom inference is measured.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
venv="$here/.venv"
threads="${THREADS:-$(nproc)}"
parts="${PARTS:-sgemm inference training moby detector segmentor dense data}"
if [ ! -x "$venv/bin/python" ]; then
  echo "making a Python environment in Benchmarks/PyTorch/.venv" >&2
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r "$here/requirements.txt"
fi
python="$venv/bin/python"
mapfile -t notes < <("$python" "$here/record.py" --warnings)
for note in "${notes[@]}"; do [ -z "$note" ] || echo "Beware: $note." >&2; done
out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT
touch "$out/ours.jsonl" "$out/theirs.jsonl"
for part in $parts; do
  echo "$part" >&2
  # Ours and theirs of one part after each other, so that the machine is the same for both.
  SWINBENCH_THREADS="$threads" "$root/.build/release/bench-kernels" "$part" "$out/photographs" \
    >> "$out/ours.jsonl"
  case "$part" in
    sgemm) ;;
    inference)
      for engine in ${ENGINES:-openvino onnxruntime compile eager}; do
        "$python" "$here/inference_engines.py" --threads "$threads" --engine "$engine"
      done ;;
    training | moby) "$python" "$here/swin_throughput.py" --threads "$threads" --part "$part" ;;
    detector | segmentor) "$python" "$here/whole_models.py" --threads "$threads" --part "$part" ;;
    dense) "$python" "$here/dense_operations.py" --threads "$threads" ;;
    data) "$python" "$here/data_pipelines.py" "$out/photographs" ;;
  esac >> "$out/theirs.jsonl"
done
"$python" "$here/record.py" "$out" --results "$root/Benchmarks/results" --notes "${notes[@]}"
