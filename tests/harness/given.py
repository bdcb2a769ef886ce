# SPDX-License-Identifier: MIT
"""What the command line gives to a test: NAME=VALUE each, mostly the paths of what is tested and of its victims."""

import pathlib


class Given:
    """What was given, an attribute each, as text; a name that was not given is an AttributeError."""

    library = report = None  # a test of something else needs neither


def take_in(words):
    """Takes in each NAME=VALUE up to the first word that is none; returns the words behind, and behind one `--`.

    A value with a slash in it is a path, and becomes an absolute one without links.
    """
    left = list(words)
    while left and "=" in left[0] and not left[0].startswith("-"):
        name, _, value = left.pop(0).partition("=")
        setattr(Given, name, str(pathlib.Path(value).resolve()) if "/" in value else value)
    return left[1:] if left[:1] == ["--"] else left
