"""Build of the compiled core: a table of levels and a list of extensions.

``XCORR_DEBUG=1`` builds with Cython's run-time checks and debug symbols, ``XCORR_SANITIZE=1`` with the compiler's
sanitizers of addresses and of undefined behaviour.
On Windows clang-cl compiles, which knows what MSVC does not: vector types, and atomic operations on plain integers.
Everything else (metadata, extras, tools) stands in pyproject.toml.
"""

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, PlatformError

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

# Wanted of every compiler, each probed alone and left out where unknown. Contraction makes a product and the sum it
# feeds one fused multiply-add wherever the level has it, so that all forms round alike; a tile is a loop of literal
# length that has to unroll into registers.
COMMON_FLAGS = ["-g", "-O1"] if DEBUG or SANITIZE else ["-O3", "-g0"]
LEVEL_FLAGS = [
    "-ffp-contract=fast",
    "-fno-trapping-math",
    "-fno-math-errno",
    "-Wno-unused-function",
    "-Wno-psabi",
    "--param=max-completely-peel-times=64",
    "--param=max-completely-peeled-insns=4000",
]

# The first report ends the process. Casts of floats to integers that cannot hold them are a check of their own.
SANITIZERS = "-fsanitize=address,undefined,float-cast-overflow"
SANITIZER_FLAGS = [SANITIZERS, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": not DEBUG,
    "embedsignature": True,
    "binding": True,
}

EXTENSIONS = [
    Extension(
        f"xcorr.{name}",
        [f"pyx/{name}.pyx"],
        depends=["pyx/simd.h"],
        include_dirs=[numpy.get_include()],
        # of the oldest NumPy that runs it: without, NumPy 2.2's headers hide what came with 1.22
        define_macros=[("NPY_TARGET_VERSION", "NPY_1_25_API_VERSION")],
    )
    for name in ("_cpu", "_engine", "_indices", "_integers", "_memory")
]
INLINED = [("CYTHON_INLINE", "inline __attribute__((always_inline))")]
LEVEL_EXTENSIONS = {f"xcorr._level_{level}": level for level in LEVELS}
EXTENSIONS += [
    Extension(
        name,
        [f"pyx/_level_{level}.pyx"],
        depends=["pyx/simd.h"],
        include_dirs=["pyx"],
        define_macros=[] if DEBUG or SANITIZE else INLINED,
    )
    for name, level in LEVEL_EXTENSIONS.items()
]


class BuildLevels(build_ext):
    """Probes what the compiler knows; a level that it does not know is a line of output, not a failure."""

    def finalize_options(self):
        super().finalize_options()
        if self.parallel is None:
            self.parallel = os.cpu_count() or 1

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":
            self.compile_with_clang()
        with tempfile.TemporaryDirectory() as folder:
            self.probe_folder = Path(folder)
            known = [flag for flag in COMMON_FLAGS + LEVEL_FLAGS if self.accepts([flag])]
            for extension in list(self.extensions):
                flags = [flag for flag in COMMON_FLAGS if flag in known]
                if SANITIZE:
                    flags += SANITIZER_FLAGS
                    extension.extra_link_args = [SANITIZERS]
                if extension.name in LEVEL_EXTENSIONS:
                    level = LEVEL_EXTENSIONS[extension.name]
                    of_level = next((flags for flags in LEVELS[level] if self.accepts(flags)), None)
                    if of_level is None:
                        print(f"xcorr: this compiler cannot build level {level}: it is left out")
                        self.extensions.remove(extension)
                        continue
                    flags += [flag for flag in LEVEL_FLAGS if flag in known] + of_level
                extension.extra_compile_args = self.spelled(flags)
        super().build_extensions()

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

    def accepts(self, flags):
        """Whether an empty function compiles with these flags and no warning about them."""
        source = self.probe_folder / "probe.c"
        source.write_text("int probe(int x) { return x; }\n")
        flags = ["-Werror", *self.spelled(flags)]
        try:
            self.compiler.compile([str(source)], output_dir=str(self.probe_folder), extra_postargs=flags)
        except CompileError:
            return False
        return True


setup(
    ext_modules=cythonize(
        EXTENSIONS,
        include_path=["pyx"],
        build_dir="build/cython",
        compiler_directives=DIRECTIVES,
        annotate=os.environ.get("XCORR_ANNOTATE", "0") == "1",
    ),
    cmdclass={"build_ext": BuildLevels},
)
