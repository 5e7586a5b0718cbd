#!/usr/bin/env bash
# runpath_test.sh FOLDER: no program or shared library below FOLDER looks for libraries in a place that
# depends on the current folder: every entry of its RUNPATH or RPATH is absolute or begins with $ORIGIN.
set -euo pipefail
command -v readelf >/dev/null || exit 77
checked=0 bad=0
while IFS= read -r -d '' file; do
  dynamic=$(readelf -d "$file" 2>/dev/null) || continue
  grep -q '(NEEDED)' <<<"$dynamic" || continue
  checked=$((checked + 1))
  paths=$(sed -n 's/.*(RU\?N\?PATH).*\[\(.*\)\]/\1/p' <<<"$dynamic")
  [[ -n $paths ]] || continue
  while IFS= read -r -d : entry; do
    case $entry in
      /* | '$ORIGIN' | '$ORIGIN'/*) ;;
      *) echo "$file: the RUNPATH '$paths' has the entry '$entry'"; bad=1 ;;
    esac
  done <<<"$paths:"
done < <(find "$1" -type f \( -perm -u+x -o -name '*.so*' \) -print0)
[[ $checked -gt 0 ]] || { echo "$1: no program"; exit 1; }
exit "$bad"
