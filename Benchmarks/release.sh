#!/usr/bin/env bash
# Makes one folder with all programs, Swift's own libraries linked in, for machines without Swift:
#
#     CPU=x86-64-v3 Benchmarks/release.sh [folder]
#
# Says how large it is and which packages of Debian the programs still need there.
set -euo pipefail
cd "$(dirname "$0")/.."
folder="${1:-release}"
programs=(bench-linear bench-pretrain bench-coco bench-ade20k bench-data bench-report)
for optional in bench-suite; do
  if grep -q "\"$optional\"" Package.swift; then programs+=("$optional"); fi
done
scratch=.build-release
for program in "${programs[@]}"; do
  SWINBENCH_CPU="${CPU:-x86-64-v3}" swift build --configuration release --static-swift-stdlib \
    --scratch-path "$scratch" --product "$program"
done

new="$folder.new"
rm -rf "$new"
mkdir -p "$new/completions" "$new/reports"
for program in "${programs[@]}"; do
  strip --output-file="$new/$program" "$scratch/release/$program"
  for shell in bash zsh fish; do
    "$new/$program" --completions "$shell" >"$new/completions/$program.$shell"
  done
done
cp -r reports/reference "$new/reports/"

# Packages of the libraries that are loaded at the start; OpenBLAS is loaded by the first network.
needed() {
  ldd "$new/bench-coco" | awk '$3 ~ /^\// { print $3 }' | while read -r library; do
    # The path of a library may go through a link of its folder (/lib is /usr/lib).
    dpkg --search "$library" 2>/dev/null || dpkg --search "/usr$library" 2>/dev/null ||
      dpkg --search "${library#/usr}" 2>/dev/null
  done | sed 's/:.*//' | sort -u | grep -v -x -e libc6 -e libgcc-s1 -e libstdc++6
}
packages="$(needed | tr '\n' ' ')libopenblas0-pthread"
cat >"$new/README" <<TEXT
SwinBench $("$new/bench-coco" --version | cut -d' ' -f2), for processors of ${CPU:-x86-64-v3}.

Needs no Swift, but these packages of Debian:

    apt-get install --no-install-recommends $packages

Put this folder into PATH, or call the programs by their path; '--help' says what each does.
Published figures lie under reports/reference and are found from anywhere. Completions:

    source completions/bench-coco.bash
TEXT
rm -rf "$folder"
mv "$new" "$folder"
echo "$folder: ${#programs[@]} programs, $(du -sm "$folder" | cut -f1) MiB; still needs: $packages"
