#!/usr/bin/env bash
# aarch64.sh TORCH: checks that base, formats, text, chat, data, tensors and kernels compile for a 64-bit ARM
# processor, where `char` is unsigned and no x86 header exists. Syntax only, with Debian's cross compiler (package
# g++-aarch64-linux-gnu), the LibTorch headers in TORCH and this machine's headers of libraries. Exit code 77,
# which ctest shows as skipped, without the compiler.
set -euo pipefail

readonly torch=$1 compiler=aarch64-linux-gnu-g++
command -v $compiler >/dev/null || { echo "aarch64.sh: $compiler is not installed: skipped"; exit 77; }
cd "$(dirname "$0")/../../lib"

# /usr/include comes last, after the cross compiler's own C library.
check() {
  $compiler -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I. "$@" -idirafter /usr/include \
    -idirafter "/usr/include/$(gcc -print-multiarch)"
}

# chat/styles.cpp only embeds the templates, from a file that the build generates.
chat=$(ls chat/*.cpp chat/jinja/*.cpp chat/jinja/builtins/*.cpp | grep -v '^chat/styles.cpp$')
# shellcheck disable=SC2086  # names without blanks
check base/*.cpp base/config/*.cpp formats/*.cpp text/*.cpp $chat data/*.cpp data/corpus/*.cpp data/tables/*.cpp
# One unit, as LibTorch's headers take nearly all of the time.
printf '#include "%s"\n' tensors/*.cpp kernels/*.cpp kernels/reference/*.cpp |
  check -isystem "$torch/include" -isystem "$torch/include/torch/csrc/api/include" -x c++ -
