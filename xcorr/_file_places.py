"""Places that the readers of files read, and how much at most: their arguments, and files by their names."""

import operator
import os
import stat
from collections.abc import Sequence

from xcorr._foreign import refuses, shown

__all__ = ["MAX_BYTES", "checked_max_bytes", "checked_path", "found_file", "is_folder"]

MAX_BYTES = 4 << 30


def checked_path(argument: str, value: object) -> str:
    problem = f"{argument}: got {shown(value)}; a str or an os.PathLike is allowed"
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(problem)
    try:
        path = os.fsdecode(os.fspath(value))
    except TypeError as error:
        if not refuses(error, "os"):
            raise
        raise TypeError(problem) from None
    if "\0" in path:
        raise ValueError(f"{problem}, without null bytes")
    return path


def checked_max_bytes(value: object) -> int:
    if isinstance(value, bool):
        raise TypeError(f"max_bytes: got {shown(value)}; an int >= 0 is allowed")
    try:
        max_bytes = operator.index(value)  # type: ignore[arg-type]
    except TypeError as error:
        if not refuses(error):
            raise
        raise TypeError(f"max_bytes: got {shown(value)}; an int >= 0 is allowed") from None
    if max_bytes < 0:
        raise ValueError(f"max_bytes: got {shown(max_bytes)}; an int >= 0 is allowed")
    return max_bytes


def found_file(folder: str, names: Sequence[str]) -> str | None:
    """The path of the first of a file's names that is there, itself or in a folder of such a name; None without."""
    for name in names:
        path = os.path.join(folder, name)
        places = [os.path.join(path, inner) for inner in names] if is_folder(path) else [path]
        for place in places:
            if is_there(place) and not is_folder(place):
                return place
    return None


def is_folder(path: str) -> bool:
    """Whether a path is that of a folder, or of a link to one.

    What a signal's handler raises meanwhile comes through, which `os.path.isdir` would take for an answer.
    """
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError as error:
        if not refuses(error):
            raise
        return False


def is_there(path: str) -> bool:
    """Whether there is anything of that name, a link to nothing too."""
    try:
        os.lstat(path)
    except OSError as error:
        if not refuses(error):
            raise
        return False
    return True
