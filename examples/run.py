"""Run notebooks of this folder from top to bottom, in new kernels; an error, a failed assert or a warning ends it.

The kernel is that of the Python which runs this, and finds what is installed there. Nothing is written, unless --write
keeps the outputs: their pictures are then PNG, which pages that run nothing can show. That needs kaleido and Chromium.
"""

import argparse
import base64
import io
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image
from traitlets.config import Config

FOLDER = Path(__file__).resolve().parent
CELL_SECONDS = 300
LARGE_PICTURE = 400_000
OLDEST = {"plate_scan": (3, 11)}
"""The oldest Python that has the libraries of a notebook, where older ones run the package."""

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def warnings_of(notebook):
    """What the cells wrote to stderr."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stderr")


def in_256_colours(picture):
    """A PNG in base64 with its best 256 colours: a third of the size, and a photograph still looks the same."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB").quantize(256).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def keep(notebook, path):
    """Write a notebook with its outputs, small pictures, and nothing of this machine."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if len(output.get("data", {}).get("image/png", "")) > LARGE_PICTURE:
                output.data["image/png"] = in_256_colours(output.data["image/png"])
    notebook.metadata = nbformat.from_dict(METADATA)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def run(path, write):
    """Run one notebook, with `write` keep its outputs; return what is wrong, or an empty str."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as sockets:  # instead of network ports, which others on the machine could read
        config = Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"})
        client = NotebookClient(notebook, kernel_name="python3", timeout=CELL_SECONDS, config=config)
        client.record_timing, client.coalesce_streams = False, True
        client.resources = {"metadata": {"path": str(FOLDER)}}
        try:
            client.execute()
        except CellExecutionError as error:
            return str(error)
    problem = warnings_of(notebook)
    if write and not problem:
        keep(notebook, path)
    return problem


def main():
    """Run what was asked for and exit with 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="notebooks, by default all of them")
    parser.add_argument("--write", action="store_true", help="keep the outputs")
    arguments = parser.parse_args()
    os.environ["PLOTLY_RENDERER"] = "png" if arguments.write else "plotly_mimetype"
    present = {path.stem: path for path in sorted(FOLDER.glob("*.ipynb"))}
    unknown = set(arguments.names) - present.keys()
    if unknown:
        parser.error(f"names: got {', '.join(sorted(unknown))}; allowed are {', '.join(present)}")
    failed = False
    for path in [present[name] for name in arguments.names or present]:
        if sys.version_info < OLDEST.get(path.stem, (3,)):
            print(f"{path.name}: skipped, it needs Python {'.'.join(map(str, OLDEST[path.stem]))}", flush=True)
            continue
        start = time.perf_counter()
        problem = run(path, arguments.write)
        print(f"{path.name}: {'failed' if problem else 'passed'}, {time.perf_counter() - start:.1f} s", flush=True)
        if problem:
            print(problem, file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
