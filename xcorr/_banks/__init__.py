"""What `xcorr.banks` is made of: the banks, a file for each kind, and how their arguments are read."""
