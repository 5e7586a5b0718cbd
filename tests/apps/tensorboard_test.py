#!/usr/bin/env python3
"""tensorboard_test.py BIN SOURCE: TensorBoard reads what --tensorboard writes, and shows a run that was
killed and resumed without a step missing or there twice, even when it has watched from the beginning. Exit
code 77, skipped, without the package tensorboard."""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

try:
    from tensorboard.backend.event_processing import event_accumulator
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

BIN, DATA = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) / "configs/quickstart"
STEPS = 60


def command(scratch, *more):
    settings = ["model.n_layer=1", "model.n_head=2", "model.d_model=16", "model.context_length=32",
                f"train.max_steps={STEPS}", "train.checkpoint_every=5", "train.eval_every=10", "train.eval_batches=1",
                "train.micro_batch_size=4", f"data.train={DATA / 'stories.txt'}", f"tokenizer={scratch / 'tok'}"]
    options = [x for setting in settings for x in ("-s", setting)]
    return [BIN / "pretrain", "-q", "--threads", "1", *options, "--out", scratch / "run", "--tensorboard", *more]


def rows(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines(True) if line.endswith("\n")]


def check_same(accumulator, run):
    """Every number of metrics.jsonl, in its order, as a float32."""
    for name in ("loss", "lr", "grad_norm", "val_loss", "tokens"):
        wanted = [(row["step"], row[name]) for row in rows(run) if name in row]
        shown = [(event.step, event.value) for event in accumulator.Scalars(name)]
        assert [step for step, _ in wanted] == [step for step, _ in shown], (name, shown)
        for (step, want), (_, got) in zip(wanted, shown):
            assert abs(want - got) <= 1e-6 * abs(want), (name, step, want, got)


def main():
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        run = scratch / "run"
        subprocess.run([BIN / "tokenize", "train", "-q", "--algorithm", "bpe", "--vocab-size", "400", "--out",
                        scratch / "tok", DATA / "stories.txt"], check=True)
        everything = {event_accumulator.SCALARS: 0}  # keep all events
        watching = None
        training = subprocess.Popen(command(scratch))
        while training.poll() is None and (not run.exists() or not (run / "metrics.jsonl").exists()
                                           or len(rows(run)) < 23):
            time.sleep(0.002)
        training.send_signal(signal.SIGKILL)
        assert training.wait() == -signal.SIGKILL, "it ended before it could be killed"
        watching = event_accumulator.EventAccumulator(str(run), size_guidance=everything).Reload()
        assert len(watching.Scalars("loss")) >= 22
        resumed = subprocess.run(command(scratch, "--resume"), capture_output=True, text=True)
        assert resumed.returncode == 0, resumed.stderr
        assert [row["step"] for row in rows(run)] == list(range(STEPS))
        check_same(event_accumulator.EventAccumulator(str(run), size_guidance=everything).Reload(), run)
        check_same(watching.Reload(), run)
        print("TensorBoard shows", STEPS, "steps, each once")


main()
