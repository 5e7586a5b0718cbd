#!/usr/bin/env bash
# Everything that continuous integration checks: bash tests/run.sh [--sanitizers]
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'HELP'
usage: bash tests/run.sh [--sanitizers]

Sets the machine up (third_party/setup.sh), checks the formatting, builds the preset `release` with
warnings as errors and runs its tests. Tests of label book-long (ten minutes and more) are left out:
`ctest --test-dir build/release -L book-long` runs them.

  --sanitizers   then build what needs no LibTorch with address and undefined-behaviour sanitizers
                 (the preset `dev`) and run those tests too
  -h, --help     this text
HELP
}

sanitizers=0
case ${1:-} in
  "") ;;
  --sanitizers) sanitizers=1 ;;
  -h | --help) usage; exit ;;
  *) echo "run.sh: unknown option '$1'; see --help" >&2; exit 2 ;;
esac

started=$SECONDS
phase() { printf '\n== %s (at %d s)\n' "$*" $((SECONDS - started)); }

# One compiler a core, and 2 GB of memory for each.
memory_gb=$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
jobs=$(nproc)
if [[ $jobs -gt $((memory_gb / 2)) ]]; then jobs=$((memory_gb / 2)); fi
if [[ $jobs -lt 1 ]]; then jobs=1; fi

# check PRESET: configure, build, test. ctest's summary is kept for the end.
failed=()
totals=()
check() {
  local preset=$1 log=build/$1/ctest.log
  phase "configure $preset"
  cmake --preset "$preset" -DGPTKIT_WERROR=ON -DGPTKIT_TESTS=ON
  phase "build $preset with $jobs jobs"
  cmake --build --preset "$preset" -j "$jobs"
  phase "test $preset"
  ctest --preset "$preset" -j "$jobs" --no-tests=error 2>&1 | tee "$log" || failed+=("tests of $preset")
  totals+=("$preset: $(grep 'tests passed' "$log" || echo 'no tests ran')")
}

# Versions of clang-format disagree, so only Debian 12's counts.
check_format() {
  phase "formatting"
  if ! clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    echo "clang-format 14 is not installed: skipped"
    return
  fi
  local files
  files=$(git ls-files 'lib/*.cpp' 'lib/*.h' 'apps/*.cpp' 'apps/*.h' 'tests/*.cpp' 'tests/*.h' |
    { xargs -r clang-format --dry-run -Werror 2>&1 || true; } | sed -n 's/:[0-9]*:[0-9]*: error: .*//p' | sort -u)
  [[ -n $files ]] || return 0
  printf '%s\n' "$files"
  failed+=("formatting of the files above ('clang-format -i' mends it)")
}

phase "setup"
bash third_party/setup.sh
CXX=$(bash third_party/setup.sh --compiler)
export CXX
check_format
check release
[[ $sanitizers == 0 ]] || check dev

phase "done"
printf '%s\n' "${totals[@]}"
if [[ ${#failed[@]} -gt 0 ]]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
