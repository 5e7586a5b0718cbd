#!/usr/bin/env bash
# run.sh CMAKE BUILD SCRATCH COMPILER: installs BUILD into SCRATCH and builds project/ against it.
set -euo pipefail
cmake=$1 build=$2 scratch=$3 compiler=$4
project=$(cd "$(dirname "$0")" && pwd)/project

rm -rf "$scratch"
"$cmake" --install "$build" --prefix "$scratch/prefix" >/dev/null
bash "$(dirname "$0")/../apps/runpath_test.sh" "$scratch/prefix"
"$cmake" -S "$project" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/prefix" -DCMAKE_CXX_COMPILER="$compiler"
"$cmake" --build "$scratch/build"
"$scratch/build/consumer"
