"""Files that are malformed: truncated, changed, hostile, random. R22, and the readers' half of R12."""

import gzip
import os
import pickle
import random
import struct
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import children
import numpy as np
from rows import Outcome, Row
from support import formats

from xcorr import datasets

SECONDS = 5.0
"""The most that reading any one of these files may take."""

PEAK = 8 * formats.MIB
"""The most memory that any of them may take."""

HARMLESS = ("os.listdir", "os.scandir", "object.__getattr__")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Watch:
    """Reads files, and tells what is wrong: answers, memory, time, and whatever else Python is asked to do meanwhile.

    That is, in its audit events: to import, compile, run, connect, write.
    """

    def __init__(self, count: children.Count) -> None:
        self.count = count
        self.reading = False
        self.forbidden = ""
        self.places = [Path(tempfile.mkdtemp()) for _ in range(2)]
        os.chdir(self.places[1])
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.reading and event not in HARMLESS and not (event == "open" and not arguments[2] & WRITING):
            self.forbidden = f"{event} {arguments!r:.100} is done meanwhile"

    def read(self, case: str, load: Any, name: str, body: bytes, is_right: Callable[[Any], bool]) -> None:
        """Puts `body` into a file and loads it; `is_right` judges what is read, None where it is refused."""
        self.count.begin(case)
        folder = self.places[0]
        formats.put(folder / name, body)
        path = folder if name in FOLDER_NAMES else folder / name
        found, problem, self.forbidden = None, "", ""
        tracemalloc.reset_peak()
        begin = time.perf_counter()
        self.reading = True
        try:
            found = load(path)
        except datasets.DataFormatError as error:
            problem = "" if str(error).startswith(str(path)) and error.offset >= 0 else f"error names no place: {error}"
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"
        self.reading = False
        taken, peak = time.perf_counter() - begin, tracemalloc.get_traced_memory()[1]
        problem = problem or self.forbidden
        if not problem and not is_right(found):
            problem = "refused" if found is None else "read as something else"
        if not problem and taken > SECONDS:
            problem = f"took {taken:.1f} s"
        if not problem and peak > PEAK:
            problem = f"took {peak} bytes of memory"
        (folder / name).unlink()
        if problem:
            self.count.wrong(case, problem)

    def finish(self) -> None:
        for place in self.places:
            if left := [path.name for path in place.rglob("*")]:
                self.count.wrong("left behind", left)
        os.chdir("/")
        for place in self.places:
            place.rmdir()


FOLDER_NAMES = frozenset(name for name, *_ in formats.WRITERS.values())


def run_watched(count: children.Count, part: Callable[..., None], seconds: float, seed: int) -> None:
    tracemalloc.start()
    watch = Watch(count)
    for file in formats.small_files():  # what is imported at first use is there after that
        watch.read(file.name, file.load, file.name, file.body, lambda found: found is not None)
    part(watch, children.Clock(seconds), seed)
    watch.finish()


def outcome(parts: tuple[Callable[..., None], ...], seconds: float, seed: int) -> Outcome:
    results = [
        children.counted(run_watched, part, seconds / len(parts), seed, address_space=256 * formats.MIB)
        for part in parts
    ]
    return children.outcome(results, "violations")


# R22


def truncations_and_changes(watch: Watch, clock: children.Clock, seed: int) -> None:
    """Every truncation, every byte changed to one other value, then to more of them until the time is over.

    The values of the smallest file's bytes come first, and all. A short run does an eighth of it.
    """
    files = formats.small_files()
    every = 8 if clock.is_short else 1
    for file in files:
        for length in range(seed % every, len(file.body), every):
            watch.read(f"{file.name}[:{length}]", file.load, file.name, file.body[:length], lambda found: found is None)
    generator = random.Random(seed)
    smallest = files[0]
    changes = [(smallest, offset, add) for offset in range(len(smallest.body)) for add in range(1, 256)]
    changes += [(file, offset, 0) for file in files[1:] for offset in range(len(file.body))]
    changes = changes[seed % every :: every]
    index = 0
    while index < len(changes) or clock:
        file, offset, add = changes[index] if index < len(changes) else (generator.choice(files), -1, 0)
        offset = generator.randrange(len(file.body)) if offset < 0 else offset
        body = bytearray(file.body)
        body[offset] = (body[offset] + (add or generator.randint(1, 255))) % 256
        watch.read(
            f"{file.name} with byte {offset} = {body[offset]}",
            file.load,
            file.name,
            bytes(body),
            lambda found, file=file, body=bytes(body): (
                not file.has_to_be_read(body) if found is None else file.is_right(found, body)
            ),
        )
        index += 1


def hostile_files(watch: Watch, clock: children.Clock, seed: int) -> None:
    """Bombs, pickles that execute, archives whose members lie; then archives of random members."""
    images, labels = formats.random_images(1)
    batch = formats.binary_batch(images, labels)
    cases = [(name, "test_batch", body, None) for name, body in formats.BOMBS.items()]
    cases += [(name, "set.tar", body, None) for name, body in formats.archive_bombs(batch).items()]
    header = formats.idx_bytes(8, (1 << 30,), b"")
    cases += [
        ("header that lies", "bomb", header + b"abc", None),
        (
            "header that lies, compressed",
            "bomb",
            gzip.compress(header + random.Random(seed).randbytes(formats.MIB)),
            None,
        ),
        ("deflated zeros", "bomb", gzip.compress(formats.idx_bytes(8, (4,), bytes(64 * formats.MIB)), 1), None),
        ("no such shape", "bomb", formats.idx_bytes(14, (0xFFFFFFFF,) * 32, b"abc"), None),
    ]
    for protocol in range(6):
        for number, content in enumerate(formats.executing(watch.places[1] / "marker", labels, images)):
            body = pickle.dumps(content, protocol=protocol)
            cases.append((f"execution {number} of protocol {protocol}", "test_batch", body, None))
    for kind in formats.KINDS:
        for members, n_images in (([(formats.MEMBER, kind)], 0), ([("other", kind), (formats.MEMBER, batch)], 1)):
            body = formats.tar_bytes(members, mode="w:gz")
            cases.append((f"{[name for name, _ in members]} of kind {kind!r}", "set.tar", body, images[:n_images]))
    for place in formats.OTHER_PLACES:
        for members, n_images in (([(place, batch)], 0), ([(place, batch), (formats.MEMBER, batch)], 1)):
            body = formats.tar_bytes(members, mode="w:gz")
            cases.append((f"{[name for name, _ in members]}", "set.tar", body, images[:n_images]))
    for case, name, body, expected in cases:
        load = datasets.load_idx if name == "bomb" else datasets.load_cifar10
        watch.read(case, load, name, body, lambda found, expected=expected: are_images(found, expected))
    index = 0
    while clock:
        body, expected = random_archive(random.Random(f"{seed}-{index}"))
        watch.read(
            f"archive {seed}-{index}",
            datasets.load_cifar10,
            "set.tar",
            body,
            lambda found, expected=expected: are_images(found, expected),
        )
        index += 1


def are_images(found: Any, expected: Any) -> bool:
    """Whether these are the images of a set, None or no image meaning that it is refused."""
    if found is None or expected is None or not len(expected):
        return found is None and (expected is None or not len(expected))
    return np.array_equal(found.images, expected)


def random_archive(generator: random.Random) -> tuple[bytes, Any]:
    """Bytes of an archive of a few members, sound or not, and its images, or None where it has to be refused."""
    order = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    folders = ("", "./", "cifar-10-batches-py/", "./cifar-10-batches-bin/", "../", "/", "x/", "cifar-10-batches-py/../")
    batches: dict[str, Any] = {}
    sound, members = True, []
    for _ in range(generator.randint(0, 5)):
        folder, name = generator.choice(folders), generator.choice(order) + generator.choice(("", ".bin"))
        images, labels = formats.random_images(generator.randint(1, 3), generator.randrange(1000))
        body = (formats.binary_batch if name.endswith(".bin") else formats.python2_batch)(images, labels)
        if generator.random() < 0.15:
            body = generator.choice(formats.KINDS)
        members.append((folder + name, body))
        if folder.removeprefix("./") in ("", "cifar-10-batches-py/", "cifar-10-batches-bin/"):
            sound = sound and name not in batches and len(body) > 1
            batches[name] = images
    style = generator.choice((formats.tarfile.USTAR_FORMAT, formats.tarfile.GNU_FORMAT, formats.tarfile.PAX_FORMAT))
    body = formats.tar_bytes(members, style, generator.choice(("w", "w:gz")))
    suffix = "" if any(name in batches for name in order) else ".bin"
    expected = {name: batches[name + suffix] for name in order if name + suffix in batches}
    sound = sound and expected and not formats.lacks_a_batch(expected)
    return body, np.concatenate(list(expected.values())) if sound else None


def run_malformed(seconds: float, seed: int) -> Outcome:
    return outcome((truncations_and_changes, hostile_files), seconds, seed)


# R12


INTERESTING = (b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\x02", b"\x1f\x8b", b"(", b".", b"u1")


def seeds_of_damage() -> list[bytes]:
    """Sound files that mutations start from."""
    images, labels = formats.random_images(2)
    bodies = [file.body for file in formats.small_files()]
    bodies += [write(images, labels) for _, write in formats.WRITERS.values()]
    bodies += [formats.tar_bytes([(formats.MEMBER, body), (formats.MEMBER + "x", body)]) for body in bodies[:4]]
    bodies.append("\n".join(formats.NAMES).encode())
    bodies.append(pickle.dumps({b"label_names": [name.encode() for name in formats.NAMES]}, protocol=2))
    return bodies


def mutated(generator: random.Random, bodies: list[bytes]) -> bytes:
    body = bytearray(generator.choice(bodies))
    for _ in range(generator.randint(1, 6)):
        # Most of a file is pixels; what they are in lies at its ends.
        start = generator.choice((generator.randrange(len(body) + 1), generator.randrange(min(400, len(body) + 1))))
        end = start + generator.choice((1, 2, 4, generator.randint(0, 600)))
        other = generator.choice(bodies)
        piece = generator.choice(
            (
                b"",
                bytes([generator.randrange(256)]),
                generator.choice(INTERESTING),
                struct.pack(generator.choice("<>") + "I", generator.randrange(1 << 32)),
                bytes(body[start:end]) * generator.randint(2, 9),
                other[: generator.randint(0, 400)],
            )
        )
        body[start : generator.choice((start, start + len(piece), end))] = piece
    return gzip.compress(body, 1) if generator.random() < 0.2 else bytes(body)


def random_files(watch: Watch, clock: children.Clock, seed: int) -> None:
    bodies = seeds_of_damage()
    loads = {
        "some": datasets.load_idx,
        "set.tar": datasets.load_cifar10,
        "test_batch": datasets.load_cifar10,
        "test_batch.bin": datasets.load_cifar10,
    }
    index = 0
    while clock:
        generator = random.Random(f"{seed}-{index}")
        name = generator.choice(list(loads))
        watch.read(f"{name} {seed}-{index}", loads[name], name, mutated(generator, bodies), is_of_its_kind)
        index += 1


def is_of_its_kind(found: Any) -> bool:
    """Whether this is what the readers return, or nothing."""
    if isinstance(found, datasets.Cifar10):
        parts = [(found.train_images, found.train_labels), (found.test_images, found.test_labels)]
        read = [(images, labels) for images, labels in parts if images is not None or labels is not None]
        return bool(read) and len(found.label_names) == 10 and all(is_part(*part) for part in read)
    return found is None or (isinstance(found, np.ndarray) and found.dtype.kind in "iuf" and found.dtype.isnative)


def is_part(images: Any, labels: Any) -> bool:
    """Whether these are images of CIFAR-10 with a label each."""
    shaped = images.shape == (len(labels), 32, 32, 3) and images.dtype == labels.dtype == np.uint8
    return shaped and len(labels) > 0 and int(labels.max()) < 10


def run_random(seconds: float, seed: int) -> Outcome:
    return outcome((random_files,), seconds, seed)


ROWS = [
    Row(
        "R12-files",
        "random mutations of the readers' files, in a child process of limited memory: crashes, hangs, memory over "
        "8 MiB, exceptions but DataFormatError, anything run or written",
        "0",
        run_random,
    ),
    Row(
        "R22",
        "every truncation and changed bytes of seven small files, bombs, pickles that execute, archives of links, "
        "duplicates and other places: a right answer or DataFormatError, nothing run, nothing written, at most 8 MiB",
        "0 violations",
        run_malformed,
    ),
]
