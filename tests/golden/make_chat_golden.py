#!/usr/bin/env python3
"""Writes chat_templates.json: conversations as `transformers` renders them, for tests/text.

    text_test --gtest_also_run_disabled_tests --gtest_filter='*PrintsOurTemplates' | grep '^{' > OURS
    python tests/golden/make_chat_golden.py OURS > tests/golden/chat_templates.json

needs `pip install transformers jinja2`. The templates of "models" do what those of the models do, in the forms
in which they occur; "ours" are what gptkit writes.
"""
import json
import sys

import transformers
from transformers.utils.chat_template_utils import render_jinja_template

CHATML = ("{{% for message in messages %}}{{% if loop.first and messages[0]['role'] != 'system' %}}"
          "{{{{ '<|im_start|>system\\n{system}<|im_end|>\\n' }}}}{{% endif %}}"
          "{{{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}}}{{% endfor %}}"
          "{{% if add_generation_prompt %}}{{{{ '<|im_start|>assistant\\n' }}}}{{% endif %}}")
CHATML_PLAIN = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
                "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
CHATML_BLOCKS = """{%- if messages[0].role == "system" %}
    {{- "<|im_start|>system\\n" + messages[0].content + "<|im_end|>\\n" }}
{%- else %}
    {{- "<|im_start|>system\\nI'm a parrot.\\nI say \\"yes\\".<|im_end|>\\n" }}
{%- endif %}
{#- everything but the first system message #}
{%- for message in messages %}
    {%- if message.role != "system" or not loop.first %}
        {{- "<|im_start|>" + message.role + "\\n" + message.content + "<|im_end|>\\n" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- "<|im_start|>assistant\\n" }}
{%- endif %}
"""
LLAMA2 = ("{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
          "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
          "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
          "{% if loop.index0 == 0 and system_message != false %}"
          "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}"
          "{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
          "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
          "{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}")
LLAMA3 = ("{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + "
          "'<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
          "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")
LLAMA31 = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>
'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""
MISTRAL = ("{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
           "{{ raise_exception('roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}"
           "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
           "{{ message['content'] + eos_token}}{% else %}{{ raise_exception('no such role') }}{% endif %}{% endfor %}")

SMOLLM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
MODELS = [  # style, default system message, template
    ("chatml", SMOLLM, CHATML.format(system=SMOLLM)),
    ("chatml", "You are a helpful assistant.", CHATML.format(system="You are a helpful assistant.")),
    ("chatml", "", CHATML_PLAIN),
    ("chatml", "I'm a parrot.\nI say \"yes\".", CHATML_BLOCKS),
    ("llama2", "", LLAMA2),
    ("llama3", "", LLAMA3),
    ("llama3.1", "", LLAMA31),
    ("zephyr", "", ZEPHYR),
    ("mistral", "", MISTRAL),
]
BEGIN = {"llama2": "<s>", "mistral": "<s>", "zephyr": "<s>", "llama3": "<|begin_of_text|>",
         "llama3.1": "<|begin_of_text|>"}
END = {"llama3": "<|eot_id|>", "llama3.1": "<|eot_id|>", "chatml": "<|im_end|>"}
TALKS = [
    {"system": "", "turns": ["Hi!"]},
    {"system": "Be brief.", "turns": ["Hi!"]},
    {"system": " It's \"so\".\n", "turns": ["  What is 2 + 2?\n\nReally? ", " 4 \n", "\u00a0And 3 + 3?\x1f", "6\u2003", "Thanks"]},
    {"system": "", "turns": ["Привет", "你好", "[/INST] <|im_end|> </s>"]},
]


def messages_of(talk, system):
    messages = [{"role": "system", "content": system}] if system else []
    return messages + [{"role": ["user", "assistant"][i % 2], "content": text} for i, text in enumerate(talk["turns"])]


def rendered(style, template, talk, system):
    texts, _ = render_jinja_template([messages_of(talk, system)], chat_template=template, add_generation_prompt=True,
                                     bos_token=BEGIN.get(style, "<|endoftext|>"),
                                     eos_token=END.get(style, "</s>" if style in BEGIN else "<|endoftext|>"))
    return texts[0]


def golden(style, default_system, template):
    talks = [talk for talk in TALKS if style != "mistral" or template is not MISTRAL or not talk["system"]]
    return {"style": style, "default_system": default_system, "jinja": template,
            "talks": [dict(talk, rendered=rendered(style, template, talk, talk["system"])) for talk in talks]}


def main():
    ours = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
    json.dump({"made by": f"make_chat_golden.py with transformers {transformers.__version__}",
               "begin": BEGIN,
               "models": [golden(*model) for model in MODELS],
               "ours": [golden(each["style"], each["default_system"], each["jinja"]) for each in ours]},
              sys.stdout, indent=1)
    print()


main()
