"""What no other tool looks at in a wheel: its size, and what of the building machine is left in the compiled modules.

`python .ci/check_wheels.py dist/*.whl` prints a line for each wheel and fails if one is not as it should be. Modules of
Linux are looked into; those of other systems are only counted.
"""

import io
import re
import sys
import zipfile
from pathlib import Path

from elftools.elf.elffile import ELFFile

# 4.71 MiB are there: three levels of eleven forms, two summed types each, and 0.5 of Python.
MOST_BYTES = 19 * 2**18
NEEDED = {
    "xcorr/py.typed", "xcorr/_samples/astronaut-tiles.bin", "xcorr/_samples/digits-images-idx3-ubyte.gz",
    "xcorr/_samples/digits-labels-idx1-ubyte.gz", "licenses/LICENSE", "licenses/xcorr/_samples/LICENSES.md",
}  # fmt: skip
ALLOWED = re.compile(
    r"xcorr/((_banks/|_cli/|_figures/|_methods/|compat/)?\w+\.pyi?|\w+(\.[\w-]+)?\.(so|pyd)|py\.typed|_samples/[\w.-]+)|xcorr-[\w.]+\.dist-info/.+"
)
MODULES = {"_cpu", "_engine", "_indices", "_integers", "_memory", "_peaks", "_scores", "_shifts", "_level_base"}
X86_64_MODULES = MODULES | {path.stem for path in Path(__file__).parents[1].glob("pyx/level/_level_*.pyx")}
PATHS = re.compile(rb"(?:/(?:home|root|tmp|usr|var|opt|project|host|Users|private)|[A-Z]:\\)[\w./\\+-]{3,}")


def faults_of(wheel):
    """What is wrong with a wheel, a line each."""
    size = wheel.stat().st_size
    if size >= MOST_BYTES:
        yield f"{size} bytes; allowed are less than {MOST_BYTES}"
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        yield from (f"{name} is missing" for name in sorted(NEEDED) if not any(path.endswith(name) for path in names))
        yield from (f"{name} does not belong there" for name in names if not ALLOWED.fullmatch(name))
        modules = {name.split(".")[0].removeprefix("xcorr/"): name for name in names if name.endswith((".so", ".pyd"))}
        wanted = X86_64_MODULES if re.search("x86_64|amd64", wheel.name) else MODULES
        if set(modules) != wanted:
            yield f"the compiled modules are {', '.join(sorted(modules))}"
        for name in modules.values():
            yield from (f"{name}: {fault}" for fault in left_behind(archive.read(name)))


def left_behind(module):
    """What a compiled module says of the machine that it was built on."""
    yield from (f"the path {path.decode()}" for path in sorted(set(PATHS.findall(module))))
    if module.startswith(b"\x7fELF"):
        elf = ELFFile(io.BytesIO(module))
        sections = [section.name for section in elf.iter_sections()]
        yield from (f"the section {name}" for name in sections if name.startswith((".debug", ".symtab")))
        tags = {tag.entry.d_tag for tag in elf.get_section_by_name(".dynamic").iter_tags()}
        yield from (f"the entry {tag}" for tag in sorted(tags & {"DT_RPATH", "DT_RUNPATH", "DT_TEXTREL"}))


def main():
    """Checks the wheels that the command line names."""
    failed = False
    for wheel in map(Path, sys.argv[1:]):
        faults = list(faults_of(wheel))
        failed = failed or bool(faults)
        print(f"{wheel.name}: {wheel.stat().st_size / 2**20:.2f} MiB", *faults, sep="\n  ")
    sys.exit(failed or len(sys.argv) < 2)


if __name__ == "__main__":
    main()
