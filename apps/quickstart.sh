#!/usr/bin/env bash
# From a fresh clone to a trained tokenizer, language model, spam classifier and assistant: bash apps/quickstart.sh
set -euo pipefail

usage() {
  cat <<'HELP'
usage: bash apps/quickstart.sh [--offline] [TEXT...]

Sets the machine up, builds gptkit and goes once through a GPT's life on the small sample data in
configs/quickstart: train a tokenizer, pretrain a model, let it write, finetune it into a spam
classifier and into an assistant. Then the same with a model that has read far more, SmolLM2-135M
(a download of 98 MB, once; --offline leaves this part out). The TEXTs are classified in place of
two sample messages.
Each command is shown before it runs; all of them can be typed as they stand, from the project's
folder. Everything is written to runs/quickstart ($GPTKIT_RUNS/quickstart, if that is set).
HELP
}

published=smollm2-135m-instruct
if [[ ${1:-} == --offline ]]; then
  published=''
  shift
fi
case ${1:-} in
  -h | --help) usage; exit ;;
  -?*) echo "quickstart.sh: unknown option '$1'; see --help" >&2; exit 2 ;;
esac
texts=("$@")
if [[ ${#texts[@]} == 0 ]]; then
  texts=("Congratulations! You have won a 500 pounds voucher. Text WIN to 10342 now to claim your prize" "Are we still meeting for lunch tomorrow?")
fi

caller=$PWD
cd "$(dirname "$0")/.."
runs=${GPTKIT_RUNS:-runs}
[[ $runs == /* || $runs == runs ]] || runs=$caller/$runs  # from the folder it was called in
out=$runs/quickstart
bin=build/release/bin

bold='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then bold=$'\e[1m' plain=$'\e[0m'; fi

# quoted WORD...: as one would type it.
quoted() {
  local word line=''
  for word in "$@"; do
    case $word in
      *\'* | *$'\n'*) line+=" $(printf '%q' "$word")" ;;
      *[!A-Za-z0-9_./=,:+-]* | '') line+=" '$word'" ;;
      *) line+=" $word" ;;
    esac
  done
  echo "${line# }"
}

# step SENTENCE COMMAND...: what it shows, the command, its output.
step() {
  printf '\n%s%s%s\n$ %s\n' "$bold" "$1" "$plain" "$(quoted "${@:2}")"
  "${@:2}" || {
    local code=$?
    echo "quickstart.sh: the command above ended with exit code $code" >&2
    exit "$code"
  }
}

memory_gb=$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
jobs=$(nproc)
if [[ $jobs -gt $((memory_gb / 2)) ]]; then jobs=$((memory_gb / 2)); fi
if [[ $jobs -lt 1 ]]; then jobs=1; fi

step "Set up: packages and LibTorch, once for all clones of gptkit." bash third_party/setup.sh
CXX=$(bash third_party/setup.sh --compiler)
export CXX
step "Configure the optimised build." cmake --preset release
step "Build the programs into $bin; the first time takes some minutes." cmake --build --preset release -j "$jobs" \
  --target tokenize pretrain generate finetune-classify classify finetune-instruct evaluate convert

step "Learn a byte-level BPE tokenizer of 2,048 tokens from the stories." \
  $bin/tokenize train --algorithm bpe --vocab-size 2048 --out "$out/tokenizer" --overwrite configs/quickstart/stories.txt
step "Pretrain a small GPT on the stories: it learns to predict the next token, and its loss falls." \
  $bin/pretrain -c configs/quickstart/pretrain.yaml --out "$out/pretrain" --overwrite
step "Let it go on with a sentence: the words are the stories', the sense is what so small a model has." \
  $bin/generate --model "$out/pretrain/model" --prompt "The old lighthouse" --max-new-tokens 60 --temperature 0.5 --quantize int8
step "Finetune it into a classifier that tells spam from ordinary messages." \
  $bin/finetune-classify -c configs/quickstart/classify.yaml --out "$out/classify" --overwrite
step "Classify messages: label, probability, text." \
  $bin/classify --model "$out/classify/model" "${texts[@]}"
step "Finetune the pretrained model into an assistant that answers instructions." \
  $bin/finetune-instruct -c configs/quickstart/instruct.yaml --out "$out/instruct" --overwrite
step "Ask the assistant: a model this small has learnt what an answer looks like, and seldom the right one." \
  $bin/generate --model "$out/instruct/model" --chat --prompt "What is 2 times 5?" --max-new-tokens 20 --temperature 0

if [[ -n $published ]] && ! bash third_party/setup.sh --weights $published; then
  echo "quickstart.sh: without it, what a published model can do is left out" >&2
  published=''
fi
if [[ -n $published ]]; then
  step "Ask a published model: 135 million parameters, pretrained on two trillion tokens and finetuned to chat." \
    $bin/generate --model $published --chat --prompt "What is the capital of France?" --quantize int8
  step "Finetune it into a classifier: it has read so much that 84 messages are enough." \
    $bin/finetune-classify -c configs/quickstart/classify-smollm2.yaml --out "$out/classify-smollm2" --overwrite
  step "Classify the same messages with it." \
    $bin/classify --model "$out/classify-smollm2/model" "${texts[@]}"
  step "Write the pretrained model of the beginning for llama.cpp." \
    $bin/convert "$out/pretrain/model" "$out/pretrain.gguf" --overwrite
fi

cat <<DONE

${bold}Done.${plain} What came out of it:
  models     $out/pretrain/model  $out/classify/model  $out/instruct/model
  plots      $out/pretrain/loss.svg  $out/classify/loss.svg  $out/instruct/loss.svg
  reports    $out/classify/report.html${published:+  $out/classify-smollm2/report.html}
  tokenizer  $out/tokenizer
Each run folder also holds config.yaml (every setting), metrics.jsonl and samples.txt.
Next: your own texts in 'data.train' of a copy of configs/quickstart/pretrain.yaml, or other published
weights with 'bash third_party/setup.sh --weights gpt2' and '$bin/generate --model gpt2 --prompt "..."'.
DONE
