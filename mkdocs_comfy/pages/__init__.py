"""Front matter in, markup out. Pure: no I/O, no logging, no clock."""
