#!/usr/bin/env python3
"""Writes the checkpoint beside this file as TensorFlow saves it, and what it holds.

The names are those of OpenAI's GPT-2. Needs tensorflow-cpu in a virtual environment; the C++ tests
read only the files.
    python tests/golden/tensorflow_checkpoint/make.py
"""
import json
import pathlib

import numpy
import tensorflow as tf

here = pathlib.Path(__file__).parent
v1 = tf.compat.v1
v1.disable_eager_execution()

C, T, V = 4, 6, 7
shapes = {"wte": [V, C], "wpe": [T, C], "ln_f/b": [C], "ln_f/g": [C]}
for layer in range(2):
    for name, shape in {"ln_1/b": [C], "ln_1/g": [C], "ln_2/b": [C], "ln_2/g": [C],
                        "attn/c_attn/w": [1, C, 3 * C], "attn/c_attn/b": [3 * C],
                        "attn/c_proj/w": [1, C, C], "attn/c_proj/b": [C],
                        "mlp/c_fc/w": [1, C, 4 * C], "mlp/c_fc/b": [4 * C],
                        "mlp/c_proj/w": [1, 4 * C, C], "mlp/c_proj/b": [C]}.items():
        shapes[f"h{layer}/{name}"] = shape

random = numpy.random.RandomState(5)
values = {f"model/{name}": random.randint(-8, 8, shape).astype("float32") / 4
          for name, shape in shapes.items()}
values["global_step"] = numpy.array(1 << 33, "int64")
values["other/half"] = numpy.array([[0.5, -2.0]], "float16")
values["other/bfloat16"] = numpy.array([1.5, -3.0], tf.bfloat16.as_numpy_dtype)
values["other/int32"] = numpy.array([[1], [-2]], "int32")
values["other/empty"] = numpy.zeros([0, 3], "float32")

with v1.Session() as session:
    variables = [v1.get_variable(name, initializer=value) for name, value in values.items()]
    session.run(v1.global_variables_initializer())
    saver = v1.train.Saver(variables, save_relative_paths=True)
    saver.save(session, str(here / "model.ckpt"), write_meta_graph=False)

expected = {name: {"dtype": str(value.dtype), "shape": list(value.shape),
                   "data": value.tobytes().hex()} for name, value in values.items()}
(here / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")
