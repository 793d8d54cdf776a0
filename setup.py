"""Build of the compiled core: a table of levels, and the modules and parts that each is made of.

A module is translated by Cython where what it was translated from has changed, and compiled where what it was compiled
from has changed: told by contents, not by times or folders, which are others each time that pip builds. So nothing is
made twice, and nothing that was made otherwise is used.

``XCORR_LEVELS=all`` makes all levels that the compiler knows, ``XCORR_LEVELS=runnable`` those that this machine runs;
else there are ``base`` and the best of these. ``XCORR_DEBUG=1`` builds with Cython's run-time checks and debug symbols,
``XCORR_SANITIZE=1`` with the compiler's sanitizers of addresses and of undefined behaviour.
``XCORR_TRANSLATED`` names the folder that keeps Cython's C, ``build/cython`` without: where it is an absolute path,
builds of other folders, as pip makes of an sdist, share what is there. What has run-time checks lies in its ``debug``.
On Windows clang-cl compiles, which knows what MSVC does not: vector types, and atomic operations on plain integers.
Everything else (metadata, extras, tools) stands in pyproject.toml.
"""

import concurrent.futures
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

# pip says so itself, in a line, once it has asked for the metadata.
if sys.version_info < (3, 10) and not {"egg_info", "dist_info"} & set(sys.argv):
    sys.exit(f"xcorr: Python 3.10 or newer is wanted; this is {sys.version.split()[0]}")

from setuptools import Command, Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, ExecError, PlatformError

DEBUG = os.environ.get("XCORR_DEBUG", "0") not in ("", "0")
SANITIZE = os.environ.get("XCORR_SANITIZE", "0") not in ("", "0")
X86_64 = sysconfig.get_platform().endswith(("x86_64", "amd64")) and sys.maxsize > 2**32  # built for, not on

# A level is one ISA build of the same source. For each, the spellings that compilers know it by, tried in order.
LEVELS = {
    "base": [[]],
    "v3": [["-march=x86-64-v3"], ["-mavx2", "-mfma", "-mbmi", "-mbmi2", "-mf16c", "-mlzcnt", "-mmovbe"]],
    "v4": [
        ["-march=x86-64-v4", "-mprefer-vector-width=512"],
        ["-mavx512f", "-mavx512bw", "-mavx512cd", "-mavx512dq", "-mavx512vl", "-mavx2", "-mfma", "-mf16c"],
    ],
}
if not X86_64:
    LEVELS = {"base": LEVELS["base"]}

# A level is linked from its table and these parts. What takes longest stands first, so that no core waits in the end.
PARTS = (
    "part_staging",
    "part_channels",
    "part_columns_f64",
    "part_columns_f32",
    "part_transforms",
    "part_planes",
    "part_kernels",
    "part_rows",
    "part_bytes",
    "part_bytes_vnni",
    "part_reducing",
    "part_scores",
    "part_bank",
    "part_factors",
    "part_products",
)

# Of one part, what a level's processors may have beside it; where the compiler does not know it, the part is empty.
VNNI_PART, VNNI_FLAGS = "part_bytes_vnni", {"v3": ["-mavxvnni"], "v4": ["-mavx512vnni"]}
MODULES = ("_engine", "_peaks", "_scores", "_shifts", "_integers", "_indices", "_memory", "_cpu")

# Wanted of every compiler, each probed alone and left out where unknown. Contraction makes a product and the sum it
# feeds one fused multiply-add wherever the level has it, so that all forms round alike; a tile is a loop of literal
# length that has to unroll into registers. What is not declared inline stays a function of its own, as the compiler's
# time grows faster than the length of a function. Nothing unwinds C's frames, as no exceptions pass through: tables for
# it would be a fiftieth of a wheel.
COMMON_FLAGS = ["-g1", "-O1"] if DEBUG or SANITIZE else ["-O3", "-g0", "-fno-asynchronous-unwind-tables"]

# Of modules whose loops are the levels', wait for memory or have no vectors: a tenth to a fifth smaller.
GLUE = ("_engine", "_scores", "_shifts", "_integers", "_indices", "_memory", "_cpu")
GLUE_FLAGS = [] if DEBUG or SANITIZE else ["-O2"]

LEVEL_FLAGS = [
    "-ffp-contract=fast",
    "-fno-trapping-math",
    "-fno-math-errno",
    "-fvisibility=hidden",
    "-Wno-unused-function",
    "-Wno-psabi",
    "-fno-inline-functions",
    "-fno-inline-functions-called-once",
    "-fno-inline-small-functions",
    "--param=max-completely-peel-times=64",
    "--param=max-completely-peeled-insns=4000",
]

# The first report ends the process. Casts of floats to integers that cannot hold them are a check of their own.
SANITIZERS = "-fsanitize=address,undefined,float-cast-overflow"
SANITIZER_FLAGS = [SANITIZERS, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]

DIRECTIVES = {
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": not DEBUG,
    "embedsignature": True,
    "binding": False,  # functions are C's, not like Python's: a seventieth of a wheel
    "auto_pickle": False,  # what holds pointers cannot be pickled, as Python says without being told
    "freethreading_compatible": True,  # the modules do not ask for the GIL where CPython has none
}

# Declared inline means inlined. Of NumPy's C interface what the oldest NumPy that runs it has: without, NumPy 2.2's
# headers hide what came with 1.22. A part is never imported.
INLINE_MACRO = ("CYTHON_INLINE", "inline __attribute__((always_inline))")
NUMPY_MACRO = ("NPY_TARGET_VERSION", "NPY_1_25_API_VERSION")
PART_MACROS = [("CYTHON_NO_PYINIT_EXPORT", None)]

SOURCES = Path("pyx")
DECLARED = SOURCES, SOURCES / "engine", SOURCES / "level"  # where declarations and C headers are found by name
PLACES = {path.stem: path for path in sorted(SOURCES.rglob("*.pyx"))}
TRANSLATED = Path(os.environ.get("XCORR_TRANSLATED") or "build/cython", "debug" if DEBUG else "")


def extension_of(*names):
    """A module of the package, the first name, linked from these sources."""
    return Extension(f"xcorr.{names[0]}", [PLACES[name].as_posix() for name in names])


EXTENSIONS = [extension_of(name) for name in MODULES]
LEVEL_EXTENSIONS = {f"xcorr._level_{level}": extension_of(f"_level_{level}", *PARTS) for level in LEVELS}


# --- what was made of what --------------------------------------------------------------------------------------------


def digest_of(*things):
    """A digest of texts, and of the contents of files."""
    digest = hashlib.sha256()
    for thing in things:
        body = thing.read_bytes() if isinstance(thing, Path) else str(thing).encode()
        digest.update(b"%d:" % len(body) + body)
    return digest.hexdigest()


def is_made(target, digest):
    """Whether the file was made of what has this digest."""
    note = target.with_name(target.name + ".digest")
    return target.exists() and note.exists() and note.read_text() == digest


def put(made, target, digest):
    """Moves a file that is whole to its place, and notes what it was made of."""
    note = target.with_name(target.name + ".digest")
    note.unlink(missing_ok=True)
    os.replace(made, target)
    note.write_text(digest)


def read_by(source):
    """The files that Cython reads for a module: itself, what it includes, and the declarations that it takes."""
    found, waiting = set(), [source, source.with_suffix(".pxd")]
    while waiting:
        path = waiting.pop()
        if path.exists() and path not in found:
            found.add(path)
            text = path.read_text("utf-8")
            for included, taken in re.findall(r'^include "(.+)"|^(?:from|cimport) (\w+)', text, re.M):
                waiting += [path.parent / included] if included else [folder / f"{taken}.pxd" for folder in DECLARED]
    return sorted(found)


def numpys(source):
    """NumPy's own declarations, where a module takes them: the same for every Python, whatever NumPy it has."""
    import numpy

    taken = re.search(r"^cimport numpy\b", source.read_text("utf-8"), re.M)
    return sorted(Path(numpy.__file__).parent.glob("__init__*.pxd")) if taken else []


def run(command, what):
    """Runs a command that is silent when it succeeds."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace"))
        raise ExecError(f"xcorr: {what} failed")


def say(text):
    """Shows a line at once, before what the compiler may say."""
    print(f"xcorr: {text}", flush=True)


# --- translation ------------------------------------------------------------------------------------------------------


def cython_command(source, target):
    """How a module is translated; what pip calls the build in lies in another folder each time, and is not told."""
    name = source.stem if source.stem in PARTS else f"xcorr.{source.stem}"
    directives = (part for item in DIRECTIVES.items() for part in ("-X", "{}={}".format(*item)))
    command = [sys.executable, "-m", "cython", "-3", "--module-name", name, *directives]
    command += [f"-I{folder}" for folder in DECLARED]
    return [*command, str(source), "-o", str(target)]


def translated(name):
    """The place of a module's C."""
    return TRANSLATED / f"{name}.c"


def translate(name):
    """Has Cython write a module's C, unless what it would read is what it has read."""
    import Cython

    source, target = PLACES[name], translated(name)
    digest = digest_of(Cython.__version__, cython_command(source, "")[1:], *read_by(source), *numpys(source))
    if not is_made(target, digest):
        made = target.with_name(f"{name}.part.c")
        run(cython_command(source, made), f"translating {source}")
        put(made, target, digest)


# --- compilation ------------------------------------------------------------------------------------------------------


class Unit(NamedTuple):
    """What the compiler is called for once: a module, a level's table, or one of a level's parts."""

    name: str
    extension: Extension
    flags: list
    macros: list
    object: Path

    def __str__(self):
        return self.extension.name.removeprefix("xcorr.") + (f", {self.name}" if self.name in PARTS else "")


class BuildCore(build_ext):
    """Compiles side by side what has changed, a line for each; a level that the compiler does not know is left out."""

    def finalize_options(self):
        super().finalize_options()
        if self.parallel is None:
            self.parallel = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def run(self):
        names = {extension.name for extension in self.extensions}
        super().run()
        for name in names - {extension.name for extension in self.extensions}:
            Path(self.get_ext_fullpath(name)).unlink(missing_ok=True)  # of a build that had other levels

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":
            self.compile_with_clang()
        for folder in (TRANSLATED, Path(self.build_temp)):
            folder.mkdir(parents=True, exist_ok=True)
        self.probe()
        levels = self.wanted_levels()
        say(f"levels {', '.join(levels)}" + "; XCORR_LEVELS=all makes all" * (len(levels) < len(LEVELS)))
        left_out = set(LEVEL_EXTENSIONS) - {f"xcorr._level_{level}" for level in levels}
        self.extensions = [extension for extension in self.extensions if extension.name not in left_out]
        self.make(self.extensions, say)

    def make(self, extensions, tell):
        """Translates, compiles and links."""
        units = [unit for extension in extensions for unit in self.units_of(extension)]
        units.sort(key=lambda unit: (*MODULES[:1], *PARTS, *MODULES, unit.name).index(unit.name))
        with concurrent.futures.ThreadPoolExecutor(self.parallel) as pool:
            try:
                list(pool.map(translate, dict.fromkeys(unit.name for unit in units)))
                digests = {unit.object: self.digest_of(unit) for unit in units}
                changed = [unit for unit in units if not is_made(unit.object, digests[unit.object])]
                tell(f"{len(changed)} of {len(units)} modules and parts to compile, {self.parallel} at a time")
                compiled = [pool.submit(self.compile, unit, digests[unit.object]) for unit in changed]
                for done, future in enumerate(concurrent.futures.as_completed(compiled), 1):
                    tell(f"compiled {future.result()}; {len(changed) - done} left")
            except BaseException:  # an error, or an interrupt
                pool.shutdown(cancel_futures=True)  # what is running ends by itself
                raise
        for extension in extensions:
            self.link(extension, [str(unit.object) for unit in units if unit.extension is extension])

    def units_of(self, extension):
        """What the compiler is called for, for one extension."""
        common = COMMON_FLAGS + GLUE_FLAGS * (extension.name.removeprefix("xcorr.") in GLUE)
        flags = [flag for flag in common if flag in self.known] + SANITIZER_FLAGS * SANITIZE
        macros = [NUMPY_MACRO]
        if extension.name in LEVEL_EXTENSIONS:
            flags += [flag for flag in LEVEL_FLAGS if flag in self.known]
            flags += self.level_flags[extension.name.removeprefix("xcorr._level_")]
            macros = [] if DEBUG or SANITIZE else [INLINE_MACRO]
        for name in (Path(source).stem for source in extension.sources):
            path = Path(self.build_temp, f"{extension.name}-{name}{self.compiler.obj_extension}")
            own = self.vnni_flags.get(extension.name.removeprefix("xcorr._level_"), []) if name == VNNI_PART else []
            yield Unit(name, extension, flags + own, macros + PART_MACROS * (name in PARTS), path)

    def digest_of(self, unit):
        """The digest of all that a unit is compiled from and by."""
        import numpy

        by = self.compiler_itself, unit.flags, unit.macros, sys.version, numpy.__version__
        headers = (header for folder in DECLARED for header in sorted(folder.glob("*.h")))
        return digest_of(*by, translated(unit.name), *headers)

    def compile(self, unit, digest):
        """Compiles a unit, and says so."""
        import numpy

        begun = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self.build_temp) as folder:
            (made,) = self.compiler.compile(
                [str(translated(unit.name))],
                output_dir=folder,
                macros=unit.macros,
                include_dirs=[*map(str, DECLARED), numpy.get_include(), *self.include_dirs],
                extra_postargs=self.spelled(unit.flags),
            )
            put(Path(made), unit.object, digest)
        return f"{unit} ({time.monotonic() - begun:.0f} s)"

    def link(self, extension, objects):
        """Links a module anew."""
        target = Path(self.get_ext_fullpath(extension.name))
        target.unlink(missing_ok=True)
        self.compiler.link_shared_object(
            objects,
            str(target),
            libraries=self.get_libraries(extension),
            library_dirs=self.library_dirs,
            extra_postargs=[SANITIZERS] * SANITIZE,
            export_symbols=self.get_export_symbols(extension),
            build_temp=self.build_temp,
        )

    # --- the compiler and the machine ---------------------------------------------------------------------------------

    def wanted_levels(self):
        """The levels to make, of those that the compiler knows; `base` always, for machines that run nothing else."""
        for level in LEVELS:
            if self.level_flags[level] is None:
                say(f"this compiler cannot build level {level}: it is left out")
        asked = os.environ.get("XCORR_LEVELS", "")
        if asked == "all":
            wanted = tuple(LEVELS)
        elif asked == "runnable":
            wanted = self.runnable_levels()
        elif asked:
            wanted = asked.split(",")
        else:
            wanted = self.runnable_levels()[-1:]
        if not set(wanted) <= set(LEVELS):
            allowed = f"'all', 'runnable' and names of {', '.join(LEVELS)} with commas"
            raise PlatformError(f"XCORR_LEVELS: got {asked!r}; allowed are {allowed}")
        return [level for level in LEVELS if self.level_flags[level] is not None and level in ("base", *wanted)]

    def runnable_levels(self):
        """The levels that this machine runs and the compiler knows, as the package will find them."""
        self.make([extension for extension in EXTENSIONS if extension.name == "xcorr._cpu"], lambda line: None)
        code = (
            "import importlib.util, sys; spec = importlib.util.spec_from_file_location('xcorr._cpu', sys.argv[1]);"
            "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module);"
            "print(*module.supported_levels())"
        )
        command = [sys.executable, "-c", code, self.get_ext_fullpath("xcorr._cpu")]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done.returncode:  # built for another system
            return tuple(LEVELS)
        return tuple(level for level in done.stdout.split() if self.level_flags.get(level) is not None)

    def compile_with_clang(self):
        """Has clang-cl compile; libraries, headers and the linker stay those of Visual Studio."""
        clang = shutil.which("clang-cl")
        if clang is None:
            raise PlatformError("xcorr: on Windows clang-cl (LLVM) compiles it; no clang-cl is on the PATH")
        if not self.compiler.initialized:
            self.compiler.initialize()  # which would set the compiler later
        self.compiler.cc = clang
        options = self.compiler.compile_options
        options[:] = [option for option in options if option != "/GL"]  # unknown to it: every probe would fail

    def spelled(self, flags):
        """The flags as the compiler's command line wants them."""
        return [f"/clang:{flag}" for flag in flags] if self.compiler.compiler_type == "msvc" else flags

    def probe(self):
        """Finds out what the compiler is, and which flags it knows."""
        command = list(getattr(self.compiler, "compiler_so", None) or [self.compiler.cc])
        version = [*(part for part in command if not part.startswith("-")), "--version"]
        said = subprocess.run(version, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        self.compiler_itself = command, said
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text("int probe(int x) { return x; }\n")
            wanted = COMMON_FLAGS + GLUE_FLAGS + LEVEL_FLAGS
            self.known = {flag for flag in wanted if self.accepts([flag], source)}
            self.level_flags = {
                level: next((flags for flags in spellings if self.accepts(flags, source)), None)
                for level, spellings in LEVELS.items()
            }
            self.vnni_flags = {level: flags for level, flags in VNNI_FLAGS.items() if self.accepts(flags, source)}

    def accepts(self, flags, source):
        """Whether an empty function compiles with these flags and no warning about them."""
        flags = ["-Werror", *self.spelled(flags)]
        try:
            self.compiler.compile([str(source)], output_dir=str(source.parent), extra_postargs=flags)
        except CompileError:
            return False
        return True


class BuildAfresh(build):
    """Begins with an empty folder: setuptools would install what is no longer part of the package."""

    def run(self):
        made = Path(self.build_lib).resolve()
        if Path(self.build_base).resolve() in made.parents:
            shutil.rmtree(made, ignore_errors=True)
        super().run()


class Annotate(Command):
    """Writes Cython's annotated sources into build/annotate."""

    description, user_options = __doc__, []

    def initialize_options(self): ...
    def finalize_options(self): ...

    def run(self):
        folder = Path("build", "annotate")
        folder.mkdir(parents=True, exist_ok=True)
        for source in PLACES.values():
            run([*cython_command(source, folder / f"{source.stem}.c"), "--annotate"], f"translating {source}")
            (folder / f"{source.stem}.c").unlink()


setup(
    ext_modules=[*EXTENSIONS, *LEVEL_EXTENSIONS.values()],
    cmdclass={"build": BuildAfresh, "build_ext": BuildCore, "annotate": Annotate},
    verbose=0,
)
