#!/usr/bin/env bash
# Makes one folder with all programs, Swift's own libraries linked in, for machines without Swift:
#
#     CPU=x86-64-v3 Benchmarks/Release/release.sh [folder]
#
# Says how large it is and which packages of Debian the programs still need there.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder="${1:-release}"
cpu="${CPU:-x86-64-v3}"
scratch=.build-release
SWINBENCH_CPU="$cpu" swift build --configuration release --static-swift-stdlib \
  --scratch-path "$scratch" --product swinbench

new="$folder.new"
rm -rf "$new"
mkdir -p "$new/completions" "$new/reports"
strip --output-file="$new/swinbench" "$scratch/release/swinbench"
chmod +x "$new/swinbench"
mapfile -t programs < <(
  grep -o '"bench-[a-z0-9]*"' Benchmarks/Release/Programs.swift | tr -d '"' | sort -u)
for program in "${programs[@]}"; do
  ln -s swinbench "$new/$program"
  for shell in bash zsh fish; do
    "$new/$program" --completions "$shell" >"$new/completions/$program.$shell"
  done
done
cp -r reports/reference "$new/reports/"

# Packages of the libraries that are loaded at the start; OpenBLAS is loaded by the first
# network, libxml2 by the first XML.
needed() {
  ldd "$new/swinbench" | awk '$3 ~ /^\// { print $3 }' | while read -r library; do
    # The path of a library may go through a link of its folder (/lib is /usr/lib).
    dpkg --search "$library" 2>/dev/null || dpkg --search "/usr$library" 2>/dev/null ||
      dpkg --search "${library#/usr}" 2>/dev/null
  done | sed 's/:.*//' | sort -u | grep -v -x -e libc6 -e libgcc-s1 -e libstdc++6
}
packages="$(needed | tr '\n' ' ')libopenblas0-pthread libxml2"
cat >"$new/README" <<TEXT
SwinBench $("$new/bench-coco" --version | cut -d' ' -f2), for processors of $cpu.

Needs no Swift, but these packages of Debian:

    apt-get install --no-install-recommends $packages

Put this folder into PATH, or call the programs by their path; '--help' says what each does.
Published figures lie under reports/reference and are found from anywhere. Completions:

    source completions/bench-coco.bash
TEXT
rm -rf "$folder"
mv "$new" "$folder"
echo "$folder: ${#programs[@]} programs, $(du -sm "$folder" | cut -f1) MiB; still needs: $packages"
