"""What `xcorr.plot` is made of: how arrays are read, where facets lie, how pixels are drawn."""
