"""What the ``xcorr`` command does; only ``xcorr.cli`` imports it, when the command is run."""
