#!/usr/bin/env bash
# Everything that continuous integration checks: bash tests/run.sh [--sanitizers]
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'HELP'
usage: bash tests/run.sh [--only-release]

Sets the machine up (third_party/setup.sh), checks the formatting, builds the preset `release` with
warnings as errors and runs its tests, runs clang-tidy 14 on changed files, builds the folders
without LibTorch with clang 14 and address and undefined-behaviour sanitizers (the preset `clang`)
and runs their tests. Without clang 14 the compiler of the release build takes its place (the preset
`dev`); without clang-tidy 14 that check is skipped.

Tests of label book-long (ten minutes and more) are left out:
`ctest --test-dir build/release -L book-long` runs them.

  --only-release   neither clang-tidy nor sanitizers
  -h, --help       this text
HELP
}

only_release=0
case ${1:-} in
  "") ;;
  --only-release) only_release=1 ;;
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
  if ! command -v clang-format-14 >/dev/null; then
    echo "clang-format 14 is not installed: skipped"
    return
  fi
  local files
  files=$(git ls-files 'lib/*.cpp' 'lib/*.h' 'apps/*.cpp' 'apps/*.h' 'tests/*.cpp' 'tests/*.h' |
    { xargs -r clang-format-14 --dry-run -Werror 2>&1 || true; } | sed -n 's/:[0-9]*:[0-9]*: error: .*//p' | sort -u)
  [[ -n $files ]] || return 0
  printf '%s\n' "$files"
  failed+=("formatting of the files above ('clang-format -i' mends it)")
}

# Files that differ from origin/main, or on origin/main itself from the commit before.
changed_sources() {
  local base
  base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  if [[ -z $base || $base == $(git rev-parse HEAD) ]]; then base=HEAD~1; fi
  git diff --name-only --diff-filter=d "$base" -- 'lib/*.cpp' 'apps/*.cpp' 'tests/*.cpp' 2>/dev/null || true
}

# clang cannot read GCC's precompiled headers, so it has a compilation database of its own. A file with
# LibTorch takes ten seconds: those left after two minutes are named, not checked.
readonly tidy_seconds=120
check_tidy() {
  phase "clang-tidy"
  if ! command -v clang-tidy-14 >/dev/null || ! command -v clang++-14 >/dev/null; then
    echo "clang-tidy 14 is not installed: skipped"
    return
  fi
  local log=build/tidy/tidy.log end=$((SECONDS + tidy_seconds)) source left=()
  if ! cmake -S . -B build/tidy -G Ninja -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
    -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >build/tidy-configure.log 2>&1; then
    tail -n 20 build/tidy-configure.log
    failed+=("the configuration for clang-tidy")
    return
  fi
  cmake --build build/tidy --target gptkit_commit >>build/tidy-configure.log 2>&1  # a header that it makes
  : >"$log"
  while IFS= read -r source; do
    grep -q "/$source\"" build/tidy/compile_commands.json || continue
    if [[ $SECONDS -ge $end ]]; then left+=("$source"); continue; fi
    echo "$source"
    clang-tidy-14 -p build/tidy --quiet "$source" >>"$log" 2>/dev/null || true
  done < <(changed_sources)
  [[ ${#left[@]} == 0 ]] || echo "not checked for want of time: ${left[*]}"
  if grep -E '(warning|error):' "$log"; then
    failed+=("clang-tidy on the lines above")
  fi
}

# The preset for the sanitizers.
sanitizer_preset() {
  if command -v clang++-14 >/dev/null &&
    echo 'int main() {}' | clang++-14 -fsanitize=address,undefined -x c++ - -o build/sanitizer-probe 2>/dev/null; then
    echo clang
  else
    echo dev
  fi
}

phase "setup"
bash third_party/setup.sh --checks || bash third_party/setup.sh  # other systems lack clang 14
CXX=$(bash third_party/setup.sh --compiler)
export CXX
check_format
check release
if [[ $only_release == 0 ]]; then
  check_tidy
  check "$(sanitizer_preset)"
fi

phase "done"
printf '%s\n' "${totals[@]}"
if [[ ${#failed[@]} -gt 0 ]]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
