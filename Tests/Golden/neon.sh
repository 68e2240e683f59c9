#!/usr/bin/env bash
# The same bits with NEON as with AVX-512 and AVX2: compiles the kernels that results depend on, as
# they are, for 64-bit ARM and for this processor, runs the first under qemu, and compares what they
# compute. Needs qemu-user, gcc-aarch64-linux-gnu, and Swift's library for embedded ARM, which comes
# with the toolchain.
#
#   Tests/Golden/neon.sh <empty output folder>
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
sources=$(cd "$here/../../Sources" && pwd)
for tool in qemu-aarch64 aarch64-linux-gnu-gcc swiftc clang ld.lld; do
  command -v "$tool" >/dev/null || { echo "Error: $tool is missing." >&2; exit 69; }
done
mkdir -p "$1"
out=$(cd "$1" && pwd)
[ -z "$(ls -A "$out")" ] || { echo "Error: $1 is not empty; give a new folder." >&2; exit 64; }
kernels=("$sources"/TensorCore/Kernels/{AttentionScores,Elementwise,LayerNormalization,WinogradTransforms}.swift)
for library in CVector CProduct; do
  mkdir "$out/$library"
  header="$sources/$library/include/$library.h"
  echo "module $library { header \"$header\" export * }" >"$out/$library/module.modulemap"
done

# compile <name> <target> <flags of clang, one word a line>
compile() {
  local name=$1 target=$2 flag clang=() swift=()
  for flag in $3 -Wno-psabi; do clang+=("$flag") swift+=(-Xcc "$flag"); done
  mkdir "$out/$name"
  (
    cd "$out/$name"
    swift+=(-O -wmo -parse-as-library -target "$target" -enable-experimental-feature Embedded
      -I "$out/CVector" -I "$out/CProduct" -I .)
    swiftc "${swift[@]}" -module-name VectorMath -emit-module -emit-module-path VectorMath.swiftmodule \
      -c "$sources/VectorMath/VectorMath.swift" -o VectorMath.o
    swiftc "${swift[@]}" -module-name probe -c "${kernels[@]}" "$here/neon_probe.swift" -o probe.o
    for file in pack product vector; do
      source=$(ls "$sources"/C*/"$file.c")
      clang -O2 --target="${target/none-none-elf/linux-gnu}" "${clang[@]}" \
        -I "$sources/CProduct/include" -I "$sources/CVector/include" -c "$source" -o "$file.o"
    done
  )
}
compile neon aarch64-none-none-elf "-isystem /usr/aarch64-linux-gnu/include"
linker=$(dirname "$(readlink -f "$(command -v ld.lld)")")
aarch64-linux-gnu-gcc -static -fuse-ld=lld -B"$linker" -o "$out/neon/run" "$out"/neon/*.o -lm
compile avx512 x86_64-unknown-linux-gnu -march=native
gcc -o "$out/avx512/run" "$out"/avx512/*.o -lm
compile avx2 x86_64-unknown-linux-gnu -march=x86-64-v3
gcc -o "$out/avx2/run" "$out"/avx2/*.o -lm

qemu-aarch64 "$out/neon/run" >"$out/neon.txt"
"$out/avx512/run" >"$out/here.txt"
SWINBENCH_INSTRUCTIONS=avx2 "$out/avx2/run" >"$out/avx2.txt"
for other in avx2 neon; do
  diff "$out/here.txt" "$out/$other.txt" \
    || { echo "$other computes other bits than this processor" >&2; exit 1; }
done
echo "$(wc -l <"$out/here.txt") answers, all the same bits with NEON, AVX2 and this processor's best"
