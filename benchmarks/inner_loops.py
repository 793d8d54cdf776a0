"""The innermost loops of a level's machine code: multiply-adds, instructions, and vectors that go to the stack.

`python inner_loops.py v4 over_kernels_f32` lists those of the functions with that name, the most multiply-adds first. A
tile that fits its registers has no vector on the stack between its first multiply-add and its last. Needs objdump.
"""

import argparse
import importlib
import re
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

ADDRESS = re.compile(r"\s+([0-9a-f]+):\t(.*)")
JUMP = re.compile(r"j\w+\s+([0-9a-f]+)")


class Loop(NamedTuple):
    """A backward jump with no other inside."""

    function: str
    address: int
    instructions: list[str]

    def count(self, pattern: str) -> int:
        """Instructions that the pattern is found in."""
        return sum(bool(re.search(pattern, instruction)) for instruction in self.instructions)


def functions(module: str) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Name and instructions, with their addresses, of each function."""
    command = ["objdump", "-d", "--no-show-raw-insn", module]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for part in re.split(r"\n(?=[0-9a-f]+ <)", text)[1:]:
        name, *lines = part.split("\n")
        found = [match for match in map(ADDRESS.match, lines) if match]
        yield name.split("<")[1].rstrip(">:"), [(int(match[1], 16), match[2]) for match in found]


def inner_loops(name: str, code: list[tuple[int, str]]) -> Iterator[Loop]:
    """The innermost loops of a function."""
    places = {address: place for place, (address, _) in enumerate(code)}
    jumps = [(place, JUMP.match(text)) for place, (_, text) in enumerate(code)]
    spans = [(places.get(int(jump[1], 16), place), place) for place, jump in jumps if jump]
    spans = sorted((first, last) for first, last in spans if first < last)
    for first, last in spans:
        if not any((other != (first, last) and first <= other[0] and other[1] <= last) for other in spans):
            yield Loop(name, code[first][0], [text for _, text in code[first : last + 1]])


def main() -> None:
    """Prints a row for each loop."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("level")
    parser.add_argument("function", nargs="?", default="", help="part of its name; all functions without it")
    arguments = parser.parse_args()
    module = importlib.import_module(f"xcorr._level_{arguments.level}").__file__
    rows = [
        (loop.count("vf(n)?m|mulp"), len(loop.instructions), loop.count(r"mm.*\(%rsp|\(%rsp.*mm"), loop)
        for name, code in functions(str(module))
        if arguments.function in name
        for loop in inner_loops(name, code)
    ]
    print(f"{'multiply-adds':>13} {'instructions':>12} {'on the stack':>12}  loop")
    for products, instructions, stack, loop in sorted(rows, key=lambda row: -row[0]):
        if products:
            print(f"{products:13} {instructions:12} {stack:12}  {loop.address:x} {loop.function}")


if __name__ == "__main__":
    main()
