#!/usr/bin/env bash
# Two machines, as far as the programs can tell: two network namespaces with a cable between them,
# each with its own name for rank 0's host. Trains across it, with Gloo and with a rank that dies.
#   namespaces_test.sh BIN_DIR SOURCE_DIR
# Needs root and ip; without them it leaves with 77, which ctest counts as skipped.
set -euo pipefail

bin=$1 source=$2
skip() { echo "skipped: $*"; exit 77; }
die() { echo "failed: $*" >&2; exit 1; }
[[ $(id -u) == 0 ]] || skip "network namespaces need root"
command -v ip >/dev/null || skip "there is no ip (Debian: iproute2)"

tag=gk$$
left=$tag-a right=$tag-b
work=$(mktemp -d)
cleanup() {
  local space
  for space in $left $right; do
    ip netns pids $space 2>/dev/null | xargs -r kill -9 2>/dev/null || true
    ip netns del $space 2>/dev/null || true
    rm -rf "/etc/netns/$space"
  done
  rm -rf "$work"
}
trap cleanup EXIT
ip netns add $left 2>/dev/null || skip "this system allows no network namespaces"
ip netns add $right
ip link add ${tag}l netns $left type veth peer name ${tag}r netns $right 2>/dev/null ||
  skip "this system has no veth pairs"
ip -n $left addr add 10.77.0.1/24 dev ${tag}l
ip -n $right addr add 10.77.0.2/24 dev ${tag}r
for space in $left $right; do
  ip -n $space link set lo up
  # As on many machines: the own name is a loopback address, which others cannot use.
  mkdir -p /etc/netns/$space
  printf '127.0.0.1 localhost\n' >/etc/netns/$space/hosts
done
printf '127.0.1.1 first-machine\n' >>/etc/netns/$left/hosts
printf '10.77.0.1 first-machine\n' >>/etc/netns/$right/hosts
ip -n $left link set ${tag}l up
ip -n $right link set ${tag}r up

cd "$work"
head -c 40000 "$source/configs/quickstart/stories.txt" >stories.txt
"$bin/tokenize" train -q --algorithm bpe --vocab-size 300 --out tok stories.txt
cat >run.yaml <<'YAML'
tokenizer: tok
model: {context_length: 32, n_layer: 1, n_head: 2, d_model: 16}
data: {train: [stories.txt]}
train: {max_steps: 30, micro_batch_size: 2, global_batch_size: 4, eval_every: 10, eval_batches: 2,
        checkpoint_every: 10, lr: 1.0e-3}
YAML

# rank N SPACE ARGUMENT...: one rank in a namespace, which has a file system view of its own.
rank() {
  local number=$1 space=$2
  shift 2
  exec ip netns exec $space env RANK=$number WORLD_SIZE=2 LOCAL_RANK=0 LOCAL_WORLD_SIZE=1 \
    MASTER_ADDR=first-machine MASTER_PORT=29511 OMP_NUM_THREADS=1 "${extra[@]}" \
    "$bin/pretrain" -q --threads 1 -c run.yaml "$@"
}
extra=(NOTHING=)
losses() { sed 's/,"tokens_per_second.*//' "$1/metrics.jsonl" | grep -o '"loss":[0-9.]*' | cut -c8-14; }

"$bin/pretrain" -q --threads 1 -c run.yaml --out alone >/dev/null

(rank 1 $right --out elsewhere) &
(rank 0 $left --out across >/dev/null) || die "rank 0 across the namespaces"
wait $! || die "rank 1 across the namespaces"
diff <(losses alone) <(losses across) || die "the losses are not those of one process"
[[ ! -e elsewhere ]] || die "rank 1 wrote a run folder"

extra=(GLOO_SOCKET_IFNAME=${tag}l)
(rank 0 $left --out named >/dev/null) &
extra=(GLOO_SOCKET_IFNAME=${tag}r)
(rank 1 $right --out elsewhere) || die "rank 1 with GLOO_SOCKET_IFNAME"
wait $! || die "rank 0 with GLOO_SOCKET_IFNAME"
diff <(losses alone) <(losses named) || die "the losses with GLOO_SOCKET_IFNAME"
extra=(GLOO_SOCKET_IFNAME=eth77)
(rank 1 $right --out elsewhere) 2>wrong && die "a wrong interface was accepted"
grep -q "GLOO_SOCKET_IFNAME names 'eth77'" wrong || die "no word about the interface: $(cat wrong)"

# The cable is cut: nobody hears of it, so rank 0 has to notice within the timeout.
extra=(NOTHING=)
long=(--set train.max_steps=0 --set train.epochs=100000 --set train.timeout=3 --set train.eval_every=0)
(rank 1 $right --out elsewhere "${long[@]}" 2>/dev/null) &
(rank 0 $left --out cut "${long[@]}" 2>said) &
for _ in $(seq 200); do [[ $(cat cut/metrics.jsonl 2>/dev/null | wc -l) -gt 12 ]] && break; sleep 0.1; done
ip -n $left link set ${tag}l down
code=0
wait $! || code=$?
[[ $code == 1 ]] || die "rank 0 left with $code after the cable was cut: $(cat said)"
grep -q "rank 1 of 2 does not answer" said || die "rank 0 does not name rank 1: $(cat said)"
ip -n $left link set ${tag}l up
wait

steps=$(($(wc -l <cut/metrics.jsonl) + 10))
short=(--resume --set train.max_steps=$steps --set train.timeout=60 --set train.eval_every=0)
(rank 1 $right --out elsewhere "${short[@]}") &
(rank 0 $left --out cut "${short[@]}" >/dev/null) || die "resuming after the cut"
wait $! || die "rank 1 resuming"
[[ $(wc -l <cut/metrics.jsonl) == "$steps" ]] || die "the resumed run has not all steps"
echo "passed"
