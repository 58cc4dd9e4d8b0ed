"""Says in which method each line is, by what JaCoCo tells: where each method begins and how many lines it has."""

from __future__ import annotations

import re

from harness.coverage.jacoco import Method, SourceFile

OUTSIDE = "(outside of methods)"
_LAMBDA = re.compile(r"lambda\$(.+)\$\d+")
_ANONYMOUS = re.compile(r"\$\d+$")


def method_of_lines(file: SourceFile) -> dict[int, str]:
    """By number of each line that has code: `Class.method`.

    JaCoCo tells no method's end. A method that begins later lies in one that began before or behind it, so from the
    last to the first each takes as many of the lines that are left, from its beginning on, as it has.
    """
    names: dict[int, str] = {}
    numbers = sorted(file.lines)
    for method in sorted(file.methods, key=lambda each: each.line, reverse=True):
        if method.name == "<init>" and _ANONYMOUS.search(method.class_name):
            # Of an anonymous class: its line is that of the method in which it is made.
            continue
        left = (number for number in numbers if number >= method.line and number not in names)
        for _, number in zip(range(method.lines), left, strict=False):
            names[number] = _name(method)
    return {number: names.get(number, OUTSIDE) for number in numbers}


def _name(method: Method) -> str:
    owner = method.class_name.rpartition("/")[2]
    in_lambda = _LAMBDA.fullmatch(method.name)
    name = in_lambda[1] if in_lambda else method.name
    if name in ("<init>", "new"):
        name = "(constructor)"
    elif name in ("<clinit>", "static"):
        name = "(static)"
    return f"{owner}.{name}"
