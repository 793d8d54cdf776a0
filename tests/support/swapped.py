"""Jobs of the command line beside somebody who puts links, pipes and devices in place of what they work with."""

import json
from typing import NamedTuple

from killed import NEEDED
from scripts import run_to_the_end

__all__ = ["NEEDED", "Swapped", "swap_files"]

SWAPS = """
import contextlib, importlib, io, json, os, random, resource, shutil, signal, socket, sys, time
from pathlib import Path
import numpy as np
from PIL import Image, ImageDraw, ImageFont
import tifffile
from xcorr._cli import apply_command, files, progress, tiff
from xcorr import cli

folder, seed, most, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
rng, chance = np.random.default_rng(seed), random.Random(seed)
forms = {"npy": "out", "tif": "out", "sheet": "out", "png": "out", "stack": "all.npy", "demo": "responses.npz"}
with contextlib.suppress(ImportError):
    importlib.import_module("zarr")
    forms["zarr"] = "all.zarr"
MIB, SECONDS = 1 << 20, 10
KINDS = ("folder link", "file link", "dangling link", "device link", "pipe", "socket", "hard link", "folder")
NO_FILES = ("device link", "pipe", "socket")
STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.listdir", "os.scandir")
OWN = ["lock", "journal.jsonl", ".journal.jsonl.part", "part", "part0.0", "part1.0", "old", ".xcorr", "more", "c",
       "zarr.json", "0", ".all.npy.xcorr", ".all.zarr.xcorr", ".responses.npz.part", *forms.values()]

(folder / "images" / "more").mkdir(parents=True)
for name in ("0.png", "1.png", "more/2.png"):
    Image.fromarray(rng.integers(0, 256, (12, 15), dtype=np.uint8)).save(folder / "images" / name)
np.save(folder / "bank.npy", rng.random((2, 3, 3), dtype=np.float32))
SUFFIXES = (".npy", ".tif", ".sheet.png", ".0.png")
OWN += [f"{name}{suffix}" for name in ("0.png", "1.png", "2.png") for suffix in SUFFIXES]

def make_home(home):
    "What nobody but its owner may touch: in it lies something by every name that the command uses."
    (home / "work").mkdir(parents=True)
    for name in ("thesis.txt", "work/more.txt", *(name for name in OWN if "/" not in name)):
        (home / name).write_bytes(b"years of work on " + name.encode())
    os.mkfifo(home / "pipe")
    for place in home.rglob("*"):
        os.utime(place, ns=(1, 2), follow_symlinks=False)  # a read shows in the first, if the disk keeps it

def state(home, reads):
    "All that is in a folder: names, kinds, bytes, times, when it was read if that counts."
    found = {}
    for place in sorted(home.rglob("*")):
        facts = place.lstat()
        times = (facts.st_atime_ns * (reads and place.is_file()), facts.st_mtime_ns)
        found[str(place.relative_to(home))] = (facts.st_mode, times, facts.st_size, facts.st_ino)
    for name, facts in list(found.items()):
        body = (home / name).read_bytes() if (home / name).is_file() else None
        found[name] = (*facts, body)
        if body is not None:
            os.utime(home / name, ns=(1, facts[1][1]))
    return found

def put(kind, place, home):
    "Something hostile at a place that nothing has."
    twin = home / (place.name if (home / place.name).is_file() else "thesis.txt")
    if kind == "folder link":
        place.symlink_to(home)
    elif kind == "file link":
        place.symlink_to(twin)
    elif kind == "dangling link":
        place.symlink_to(home / "absent")
    elif kind == "device link":
        place.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one, contextlib.suppress(OSError):  # of a path that is too long
            one.bind(os.path.relpath(place))
    elif kind == "hard link":
        os.link(twin, place)
    else:
        place.mkdir()
        (place / "keep.txt").write_text("keep")

def run_form(form, base, more=()):
    if form == "demo":
        files.write_whole(base / forms[form], {"response": np.arange(100.0)})
        return 0
    try:
        cli.main(["apply", str(base / "images"), "--bank", str(folder / "bank.npy"), "--format", form, "--out",
                  str(base / forms[form]), "--workers", "1", *more])
    except SystemExit as end:
        return end.code or 0

def own_places(base):
    return [place for place in base.rglob("*") if "images" not in place.relative_to(base).parts]

def folders_of(base):
    return [base, *(place for place in own_places(base) if place.is_dir() and not place.is_symlink())]

def begin(form, base, home, how, step=0, more=()):
    "The job in a child; before a step of its own it finds something else in a place that is drawn."
    child = os.fork()
    if child:
        return child
    resource.setrlimit(resource.RLIMIT_AS, (int(open("/proc/self/statm").read().split()[0]) * 4096 + 512 * MIB,) * 2)
    n_steps, busy, kind, draw = 0, False, how, random.Random(f"{seed}{form}{step}{how}")

    def hear(event, arguments):
        nonlocal n_steps, busy
        if busy or event not in STEPS or not arguments:
            return
        name = str(arguments[0])
        if os.sep in name and str(base) not in name:
            return
        n_steps += 1
        if n_steps != step:
            return
        busy = True
        if os.sep in name:
            near = [Path(name), *(place for place in Path(name).parents if base in place.parents)]
        else:
            name = draw.choice(OWN) if name.isdigit() else name
            near = [place / name for place in folders_of(base)]
            near = [place for place in near if os.path.lexists(place)] or near
        if draw.random() < 0.1 and kind in NO_FILES:
            target = base / draw.choice(["images/0.png", "images/more/2.png"])
        elif kind == "folder link" and draw.random() < 0.7:
            target = draw.choice([*folders_of(base)[1:], *near])
        else:
            target = draw.choice(near if draw.random() < 0.7 else own_places(base) or near)
        is_image = base / "images" in (target, *target.parents)
        if base not in target.parents or (is_image and kind not in NO_FILES):
            return  # an image may be a link, which is read
        (base.parent / "aim").write_text(str(target))
        with contextlib.suppress(OSError):
            if os.path.lexists(target):
                os.rename(target, base.parent / "aside")
            put(kind, target, home)
        busy = False

    sys.addaudithook(hear)
    log = os.open(base.parent / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    status = 97
    try:
        status = run_form(form, base, more)
    except OSError:  # of the demo's function, which its caller tells
        status = 1 if form == "demo" else 96
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        (base.parent / "steps").write_text(str(n_steps))
        os._exit(status if isinstance(status, int) else 98)

def end(child):
    "Its status, None for one that hangs."
    limit = time.monotonic() + SECONDS
    while time.monotonic() < limit:
        found, code = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(code)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None

def results(base, form):
    "What a user finds: files but hidden ones."
    found = {}
    for place in base.rglob("*"):
        parts = place.relative_to(base).parts
        if parts[0] != "images" and place.is_file() and not any(part.startswith(".") for part in parts):
            found["/".join(parts)] = place.read_bytes()
    return found

def sweep(base):
    "Remove what is hostile."
    for place in sorted(base.rglob("*"), reverse=True):
        if "images" in place.relative_to(base).parts:
            continue
        facts = place.lstat()
        if place.is_symlink() or not (place.is_file() or place.is_dir()) or (place.is_file() and facts.st_nlink > 1):
            place.unlink()
        elif place.is_dir() and (place / "keep.txt").exists():
            shutil.rmtree(place)
        elif place.is_dir() and place.name != "more" and not place.suffix and not any(place.iterdir()):
            place.rmdir()

def attempt(form, how, step, target, prepared):
    "One attack, and what is wrong after it."
    top = folder / "case"
    base, home, case = top / "base", top / "home", f"{form}, {how}, step {step}, {target}, prepared {prepared}"
    base.mkdir(parents=True)
    shutil.copytree(folder / "images", base / "images")
    make_home(home)
    if prepared:
        assert end(begin(form, base, home, "")) == 0, (top / "log").read_text()
    if target:
        place = base / target
        if os.path.lexists(place):
            os.rename(place, top / "aside")
        place.parent.mkdir(parents=True, exist_ok=True)
        put(how, place, home)
    before = state(home, how != "hard link")  # by its other name a file is the command's own to read
    more = ("--overwrite",) if chance.random() < 0.5 and form != "demo" else ()
    status = end(begin(form, base, home, how, step, more))
    told = (top / "log").read_text() if (top / "log").exists() else ""
    case += f", {more}, aimed at " + ((top / "aim").read_text() if (top / "aim").exists() else "nothing")
    wrong = []
    if status not in (0, 1, 2) or "Traceback" in told:
        wrong.append(f"{case}: status {status}, {told[-1600:]}")
    after = state(home, how != "hard link")
    differ = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if differ:
        wrong.append(f"{case}: {differ[:4]} in another folder were read, written or removed")
    if how == "folder" and target and not more and ".xcorr/" not in target:
        if "keep.txt" not in [place.name for place in base.rglob("*")]:
            wrong.append(f"{case}: a folder of somebody's is gone")
    if (base / "images").is_dir() and not (base / "images").is_symlink():
        shutil.rmtree(base / "images")  # which would wait for a pipe
    else:
        (base / "images").unlink(missing_ok=True)
    shutil.copytree(folder / "images", base / "images")
    sweep(base)
    last = end(begin(form, base, home, "", 0, ("--overwrite",) if form != "demo" else ()))
    if last != 0 or not expected[form].items() <= results(base, form).items():
        lacking = sorted(expected[form].keys() - results(base, form).keys())
        wrong.append(f"{case}: then status {last}, without {lacking}, {(top / 'log').read_text()[-600:]}")
    shutil.rmtree(top)
    return wrong

expected, n_steps = {}, {}
for form in forms:
    base = folder / "whole" / form
    base.mkdir(parents=True)
    shutil.copytree(folder / "images", base / "images")
    assert end(begin(form, base, folder, "")) == 0, (base.parent / "log").read_text()
    expected[form], n_steps[form] = results(base, form), int((base.parent / "steps").read_text())
os.chdir(folder)

def static():
    "Every place of every form, with every kind."
    for form, out in forms.items():
        stacked = form in ("stack", "zarr")
        own = f".{out}.xcorr" if stacked else f"{out}/.xcorr"
        places = [own, *(f"{own}/{name}" for name in ("lock", "journal.jsonl", ".journal.jsonl.part", "part", "old"))]
        if stacked:
            places.append(out)
        else:
            names = [name for name in expected[form] if "/" not in name]
            places += [f"{own}/part0.0", f"{out}/more", *(f"{out}/{name}" for name in names)]
        if form == "zarr":
            places += [f"{own}/part/zarr.json", f"{own}/part/c", f"{own}/part/c/0/0/0/0", f"{out}/zarr.json",
                       f"{out}/c", f"{out}/c/0/0/0/0"]
        if form == "demo":
            places = [".responses.npz.part", "responses.npz"]
        yield from ((form, kind, place, prepared) for place in places for kind in KINDS for prepared in (False, True))

problems, n_cases = [], 0
order = list(static())
chance.shuffle(order)
until = time.monotonic() + seconds
while n_cases < most and (time.monotonic() < until or n_cases < len(forms)):
    if order and n_cases % 2:
        form, kind, place, prepared = order.pop()
        problems += attempt(form, kind, 0, place, prepared)
    else:
        form = list(forms)[n_cases // 2 % len(forms)]
        kind, step = chance.choice((*KINDS, "folder link", "file link")), chance.randint(1, n_steps[form])
        problems += attempt(form, kind, step, "", chance.random() < 0.5)
    n_cases += 1
print(json.dumps([n_cases, problems]))
"""
"""Half of the cases put something hostile where the command looks before it begins, each place and kind in turn.

The other half do so just before a call that opens, lists, renames or removes, of a job that runs: no name that was
looked at then is what is opened. Nothing of somebody's own may be read, written or removed, nothing may wait for a pipe
or take a device's bytes, and when the hostile thing is gone the same job gives the right results.
"""


class Swapped(NamedTuple):
    """How many cases there were, and what was wrong."""

    n_cases: int
    problems: list


def swap_files(folder, seed, most, seconds):
    """Cases in an empty folder until the time is over, or so many, or one for each form at least."""
    ended = run_to_the_end(SWAPS, folder, seed, most, seconds, timeout=120 + 6 * seconds)
    if ended.status != 0:
        return Swapped(0, [f"status {ended.status}: {ended.errors[-800:]}"])
    return Swapped(*json.loads(ended.printed))
