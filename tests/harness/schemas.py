# SPDX-License-Identifier: MIT
"""Answers in JSON against the schemas that are installed with the tools, taken strictly."""

import json
import pathlib

try:
    import jsonschema
except ImportError:
    jsonschema = None  # who needs it skips, or looks at nothing


def closed(schema):
    """The schema with every object closed to fields that it does not describe."""
    if isinstance(schema, dict):
        result = {key: closed(value) for key, value in schema.items()}
        if "properties" in result and "additionalProperties" not in result:
            result["additionalProperties"] = False
        return result
    return [closed(entry) for entry in schema] if isinstance(schema, list) else schema


def validator_of(path):
    """A validator for the schema in a file: an undescribed field is an error to it. The schema itself has to be one.

    Raises OSError where there is no such file, and jsonschema's SchemaError; jsonschema must be there.
    """
    schema = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(closed(schema))
