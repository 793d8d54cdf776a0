"""``python -m xcorr`` is the ``xcorr`` command."""

from xcorr.cli import main

if __name__ == "__main__":
    main()
