"""Jobs of the command line that are killed at random moments and begun again."""

import importlib.util
import json
from typing import NamedTuple

from scripts import run_to_the_end

LIBRARIES = ("click", "rich", "PIL", "tifffile", "natsort")
NEEDED = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
"""Libraries that are not there, without which no job can be run."""

KILLS = """
import contextlib, importlib, json, os, random, shutil, signal, sys, time
from pathlib import Path
import numpy as np
from PIL import Image, ImageDraw, ImageFont
import tifffile
from xcorr._cli import apply_command, match_command, progress, tiff
from xcorr import cli

folder, seed, most, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
rng, chance = np.random.default_rng(seed), random.Random(seed)
for index in range(10):
    Image.fromarray(rng.integers(0, 256, (40, 50), dtype=np.uint8)).save(folder / f"{index}.png")
np.save(folder / "batch.npy", rng.random((30, 40, 50), dtype=np.float32))
tifffile.imwrite(folder / "pages.tif", rng.integers(0, 65536, (5, 40, 50), dtype=np.uint16))
bank = rng.random((6, 5, 5), dtype=np.float32)
np.save(folder / ".bank.npy", bank)

Image.fromarray(rng.integers(0, 256, (9, 11), dtype=np.uint8)).save(folder / ".template.png")

forms = {"npy": "out", "tif": "out", "sheet": "out", "png": "out", "stack": "all.npy", "csv": "peaks.csv"}
with contextlib.suppress(ImportError):
    importlib.import_module("zarr")
    forms["zarr"] = "all.zarr"

STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")

def begin(form, out, last_step=10**9):
    "The job in a child, which needs no time to import; it kills itself before a step at the files of its results."
    child = os.fork()
    if child:
        return child
    n_steps = 0

    def hear(event, arguments):
        nonlocal n_steps
        # a bare name is that of what is in a folder that the command holds open
        if event in STEPS and (str(out.parent) in str(arguments[0]) or os.sep not in str(arguments[0])):
            n_steps += 1
            if n_steps == last_step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hear)
    log = os.open(folder / ".log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    status = 99
    try:
        images = [str(folder)] if form != "png" else [str(folder / f"{index}.png") for index in range(10)]
        apply = ["apply", *images, "--bank", str(folder / ".bank.npy"), "--format", form]
        match = ["match", *images, "--template", str(folder / ".template.png"), "--k", "9"]
        match += ["--map", str(out.parent / "maps"), "--draw", str(out.parent / "pictures")]
        cli.main([*(match if form == "csv" else apply), "--out", str(out), "--layout", "NHW", "--workers", "1"])
    except SystemExit as end:
        status = end.code or 0
    finally:
        (folder / ".steps").write_text(str(n_steps))
        os._exit(status if isinstance(status, int) else 98)

def tree(place):
    "Every file below, hidden ones too, and every folder."
    return {str(path.relative_to(place)): path.read_bytes() if path.is_file() else None for path in place.rglob("*")}

def is_hidden(name):
    return any(part.startswith(".") for part in Path(name).parts)

expected, lasting, n_steps, problems, n_kills, n_jobs = {}, {}, {}, [], 0, 0
for form, name in forms.items():
    place = folder / ".whole" / form
    place.mkdir(parents=True)
    start = time.monotonic()
    assert os.waitpid(begin(form, place / name), 0)[1] == 0, (folder / ".log").read_text()
    lasting[form], expected[form] = time.monotonic() - start, tree(place)
    n_steps[form] = int((folder / ".steps").read_text())

end = time.monotonic() + seconds
while n_kills < most and (time.monotonic() < end or n_jobs < len(forms)):
    form = list(forms)[n_jobs % len(forms)]
    place = folder / ".killed" / form
    place.mkdir(parents=True)
    status, n_before = None, n_kills
    while status is None:
        later = 1 + 0.1 * (n_kills - n_before)  # so that every job ends
        if chance.random() < 0.5:
            child = begin(form, place / forms[form], chance.randint(1, int(n_steps[form] * later)))
        else:
            child = begin(form, place / forms[form])
            time.sleep(chance.uniform(0, lasting[form] * later))
            os.kill(child, signal.SIGKILL)
        code = os.waitpid(child, 0)[1]
        found = tree(place)
        wrong = [name for name, body in found.items() if not is_hidden(name) and expected[form].get(name, 0) != body]
        if wrong:
            problems.append(f"{form}, after kill {n_kills}: {wrong[:3]} are not whole")
        if os.WIFEXITED(code):
            status = os.WEXITSTATUS(code)
        else:
            n_kills += 1
    if status != 0:
        problems.append(f"{form}: status {status}, {(folder / '.log').read_text()[-300:]}")
    elif tree(place) != expected[form]:
        there, own = tree(place), expected[form]
        differ = sorted(name for name in there.keys() | own.keys() if there.get(name, 0) != own.get(name, 0))
        problems.append(f"{form}: {differ[:3]} differ from those of a run that nobody killed")
    shutil.rmtree(place)
    n_jobs += 1
print(json.dumps([n_kills, n_jobs, problems]))
"""
"""Kills each format's job, and one of matches, again and again until it ends; its tree has to be that of a run that
nobody killed.

Half of the kills come at random times, half before a random one of the calls that open, rename or remove files.
"""


class Killed(NamedTuple):
    """How many runs were killed, how many jobs ended, and what was wrong."""

    n_kills: int
    n_jobs: int
    problems: list


def kill_jobs(folder, seed, most, seconds):
    """Jobs in an empty folder, killed until the time is over, or so often, or once for each format at least."""
    ended = run_to_the_end(KILLS, folder, seed, most, seconds, timeout=60 + 4 * seconds)
    if ended.status != 0:
        return Killed(0, 0, [f"status {ended.status}: {ended.errors[-500:]}"])
    return Killed(*json.loads(ended.printed))
