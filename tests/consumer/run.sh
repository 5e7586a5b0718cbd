#!/usr/bin/env bash
# run.sh CMAKE BUILD SCRATCH COMPILER: installs BUILD into SCRATCH, builds examples/ against it and
# runs them, one after the other, with a model of a few thousand parameters.
set -euo pipefail
cmake=$1 build=$2 scratch=$3 compiler=$4
here=$(cd "$(dirname "$0")" && pwd)
sample=$here/../../configs/quickstart

rm -rf "$scratch"
"$cmake" --install "$build" --prefix "$scratch/prefix" >/dev/null
bash "$here/../apps/runpath_test.sh" "$scratch/prefix"
# One name in bin/, which finds the other programs; their man pages and completions are beside it.
[[ $(ls "$scratch/prefix/bin") == gptkit ]]
"$scratch/prefix/bin/gptkit" --version
"$scratch/prefix/bin/gptkit" generate --help >/dev/null
for file in man/man1/gptkit.1 man/man1/gptkit-generate.1 bash-completion/completions/gptkit zsh/site-functions/_gptkit; do
  [[ -s $scratch/prefix/share/$file ]]
done
internal=$(find "$scratch/prefix/include" -mindepth 1 -maxdepth 1 ! -name gptkit; find "$scratch/prefix/include/gptkit" -mindepth 1 -type d)
if [[ -n $internal ]]; then
  echo "internal headers are installed: $internal" >&2
  exit 1
fi

"$cmake" -S "$here/examples" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/prefix" -DCMAKE_CXX_COMPILER="$compiler"
"$cmake" --build "$scratch/build"

cd "$scratch"
head -c 40000 "$sample/stories.txt" >stories.txt
head -n 60 "$sample/messages.tsv" >messages.tsv
example() {
  echo "== $*"
  "build/$@"
}
example tokenize stories.txt tokenizer
example train stories.txt tokenizer runs/mine
example generate runs/mine/model "The old lighthouse"
example chat_template
example train_classifier runs/mine/model messages.tsv runs/spam
example classify runs/spam/model "You won a prize, call now" "See you at lunch"
example everything runs/mine/model stories.txt mine.gguf
