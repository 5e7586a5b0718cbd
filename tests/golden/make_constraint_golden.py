#!/usr/bin/env python3
"""Writes constraints.json: schemas of ours, each with texts that it accepts and texts that it does not, for
tests/infer/constraint.

    python tests/golden/make_constraint_golden.py > tests/golden/constraints.json

needs `pip install jsonschema`. The valid texts are written by hand in the form that gptkit writes (compact, members in
the order of the schema) and checked here. The invalid ones are made from them by small damages; kept is what json
does not parse or jsonschema refuses.
"""
import datetime
import json
import random
import uuid

import jsonschema

TREE = {"$defs": {"node": {"type": "object", "required": ["value"], "properties": {
    "value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}},
    "$ref": "#/$defs/node"}
PERSON = {"title": "Person", "type": "object", "additionalProperties": False, "required": ["name", "age"],
          "properties": {"name": {"type": "string", "minLength": 1, "description": "as written"},
                         "age": {"type": "integer", "minimum": 0, "maximum": 150},
                         "email": {"anyOf": [{"type": "string", "format": "email"}, {"type": "null"}], "default": None},
                         "tags": {"type": "array", "items": {"enum": ["new", "old", "vip"]}, "maxItems": 3}}}

# (schema, valid texts)
EXAMPLES = [
    ({}, ["1", "-0.5", '"a"', "null", "true", "[]", "{}", '[1,[2, "x"],{"a":{"b":[]}}]', '{"":0,"b": null}', "1e5"]),
    (True, ["false", '{"a":[{}]}']),
    ({"type": "string"}, ['""', '"abc"', '"é中😀"', r'"\n\t\\\"\/\u00e9\ud83d\ude00"', '" "', r'"\u0000"']),
    ({"type": "string", "minLength": 2, "maxLength": 3}, ['"ab"', '"é中😀"', r'"\n\u00e9"', r'"\ud83d\ude00x"']),
    ({"type": "string", "pattern": "^[A-Z]{2}-\\d{3,5}$"}, ['"AB-123"', '"ZZ-00000"']),
    ({"type": "string", "pattern": "b+c"}, ['"bc"', '"abbbcd"', r'"\"bc\\"']),
    ({"type": "string", "pattern": "^a|z$"}, ['"a"', '"abc"', '"xyz"', '"z"']),
    ({"type": "string", "pattern": '^[^a"]*$'}, ['"bcd"', r'"\\b\n"', '"é"', '""']),
    ({"type": "string", "format": "date"}, ['"2024-02-29"', '"2023-02-28"', '"1999-12-31"', '"2000-02-29"',
                                            '"2023-04-30"']),
    ({"type": "string", "format": "time"}, ['"12:30:00Z"', '"23:59:59.125+02:00"']),
    ({"type": "string", "format": "date-time"}, ['"2024-02-29T12:30:00Z"', '"1999-12-31T00:00:00-05:30"']),
    ({"type": "string", "format": "uuid"}, ['"123e4567-e89b-12d3-a456-426614174000"']),
    ({"type": "string", "format": "email"}, ['"a.b+c@example.co"', '"x@y.zz"']),
    ({"type": "string", "format": "ipv4"}, ['"127.0.0.1"', '"255.255.0.9"']),
    ({"type": "integer"}, ["0", "-1", "12345", "999999999999999"]),
    ({"type": "integer", "minimum": -3, "maximum": 120}, ["-3", "0", "99", "120"]),
    ({"type": "integer", "exclusiveMinimum": 9}, ["10", "11", "99", "100", "1000000"]),
    ({"type": "number"}, ["0", "-1.5", "3.25e-7", "12E+3", "-0", "0.1"]),
    ({"type": "number", "minimum": 0, "maximum": 1}, ["0", "1", "0.5", "0.999", "1.0"]),
    ({"type": "number", "exclusiveMinimum": -1, "exclusiveMaximum": 1}, ["0", "0.5", "-0.5", "-0"]),
    ({"type": "boolean"}, ["true", "false"]),
    ({"type": "null"}, ["null"]),
    ({"type": ["string", "null", "integer"], "minLength": 1}, ['"a"', "null", "5"]),
    ({"enum": ["red", "green", 1, 2.5, None, True, [1, "x"], {"a": []}]},
     ['"red"', '"green"', "1", "2.5", "null", "true", '[1,"x"]', '{"a":[]}']),
    ({"enum": ["a", "ab", "abc"], "type": "string"}, ['"a"', '"ab"', '"abc"']),
    ({"const": {"version": 1, "name": "é"}}, ['{"version":1,"name":"é"}']),
    ({"type": "array", "items": {"type": "integer"}}, ["[]", "[1]", "[1,2, 3]"]),
    ({"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3}, ["[true]", "[true,false,true]"]),
    ({"type": "array", "items": {"type": "null"}, "minItems": 20, "maxItems": 22},
     ["[" + ",".join(["null"] * n) + "]" for n in (20, 21, 22)]),
    ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
     ['["a",1]', '["a"]', "[]"]),
    ({"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}, "minItems": 2, "maxItems": 4},
     ['["a",1]', '["a",1,2,3]']),
    ({"type": "array", "items": {"type": "array", "items": {"type": "integer"}, "maxItems": 2}},
     ["[]", "[[],[1],[1,2]]"]),
    ({"type": "array", "maxItems": 0}, ["[]"]),
    ({"type": "object"}, ["{}", '{"a":1}', '{"a":{"b":[null]}, "c": ""}']),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, ["{}", '{"a":1,"é":2}']),
    ({"type": "object", "additionalProperties": False, "properties": {"a": {"type": "null"}, "b/~c": {"type": "null"},
                                                                     'd"\n': {"type": "null"}}, "required": ["b/~c"]},
     ['{"b/~c":null}', '{"a":null,"b/~c":null}', r'{"a":null,"b/~c":null,"d\"\n":null}']),
    (PERSON, ['{"name":"Zoë","age":7}', '{"name": "A", "age": 150, "email": null, "tags": ["new", "vip"]}',
              '{"name":"B","age":0,"email":"b@example.org","tags":[]}', '{"name":"C","age":33,"tags":["old"]}']),
    ({"type": "array", "items": PERSON, "minItems": 1}, ['[{"name":"a","age":1},{"name":"b","age":2,"tags":["old"]}]']),
    ({"type": "object", "additionalProperties": False, "required": ["user"], "properties": {
        "user": {"type": "object", "additionalProperties": False, "required": ["id"], "properties": {
            "id": {"type": "integer", "minimum": 1},
            "address": {"type": "object", "additionalProperties": False, "properties": {
                "city": {"type": "string"}, "zip": {"type": "string", "pattern": "^[0-9]{5}$"}}}}}}},
     ['{"user":{"id":1}}', '{"user":{"id":22,"address":{}}}',
      '{"user":{"id":3,"address":{"city":"Ulm","zip":"89073"}}}']),
    ({"oneOf": [{"type": "object", "additionalProperties": False, "required": ["kind", "r"], "properties": {
        "kind": {"const": "circle"}, "r": {"type": "number"}}},
        {"type": "object", "additionalProperties": False, "required": ["kind", "w"], "properties": {
            "kind": {"const": "square"}, "w": {"type": "number"}}}]},
     ['{"kind":"circle","r":1.5}', '{"kind":"square","w":2}']),
    (TREE, ['{"value":1}', '{"value":1,"children":[{"value":2,"children":[]},{"value":3}]}']),
    ({"definitions": {"x": {"type": "integer", "minimum": 1, "maximum": 3}}, "type": "array",
      "items": {"$ref": "#/definitions/x"}}, ["[1,2,3]", "[]"]),
    ({"allOf": [{"type": "boolean"}], "description": "one"}, ["true"]),
    ({"properties": {"a": {}}, "additionalProperties": True, "required": ["a"], "type": "object"},
     ['{"a":1}', '{"a":[],"b":2}']),
]

formats = jsonschema.FormatChecker()
formats.checks("uuid", raises=ValueError)(lambda text: str(uuid.UUID(text)) == text)
formats.checks("time", raises=ValueError)(lambda text: datetime.time.fromisoformat(text).tzinfo is not None)
formats.checks("date-time", raises=ValueError)(
    lambda text: text[10:11] == "T" and datetime.datetime.fromisoformat(text).tzinfo is not None)


def valid(validator, text):
    try:
        value = json.loads(text, parse_constant=lambda name: 1 / 0)
    except (ValueError, ZeroDivisionError):
        return False
    return validator.is_valid(value)


def damaged(text, others, rng):
    at = rng.randrange(len(text) + 1)
    kind = rng.randrange(6)
    if kind == 0:
        return text[:at] + text[at + 1:]
    if kind == 1:
        return text[:at] + rng.choice('{}[]",:0-a.e\\tn ') + text[at:]
    if kind == 2:
        return text[:at]
    if kind == 3:
        return text[:at] + rng.choice('{}[]",:0-a.e\\tn9') + text[at + 1:]
    if kind == 4:
        return text[at:] + text[:at]
    return rng.choice(others)


def main():
    rng = random.Random(1)
    every = [text for _, texts in EXAMPLES for text in texts]
    result = []
    for schema, texts in EXAMPLES:
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema, format_checker=formats)
        for text in texts:
            assert valid(validator, text), (schema, text)
        invalid = {d for _ in range(40) for t in texts for d in [damaged(t, every, rng)] if not valid(validator, d)}
        invalid = sorted(invalid)
        rng.shuffle(invalid)
        result.append({"schema": schema, "valid": texts, "invalid": sorted(invalid[:30])})
    print("[" + ",\n".join(json.dumps(example, ensure_ascii=False) for example in result) + "]")


main()
