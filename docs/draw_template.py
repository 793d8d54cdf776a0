"""Draws docs/template.png: the demonstration's pictures of a template in the photograph, side by side.

    python docs/draw_template.py docs/template.png

It needs the extras ``cli`` and ``plot``.
"""

from __future__ import annotations

import base64
import io
import sys

from PIL import Image

from xcorr._cli.figures import template_pictures
from xcorr._cli.steps import photograph

SIDE, GAP = 300, 12


def main(target: str) -> None:
    """Write the pictures as one."""
    shown = template_pictures(photograph()).pictures
    whole = Image.new("RGB", (len(shown) * (SIDE + GAP) - GAP, SIDE), "white")
    for index, (address, _) in enumerate(shown):
        with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
            whole.paste(picture.convert("RGB").resize((SIDE, SIDE)), (index * (SIDE + GAP), 0))
    whole.save(target, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
