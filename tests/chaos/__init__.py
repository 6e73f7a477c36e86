"""Tools that make the surroundings of hygge fail, and the sweeps and soaks that use them.

`faults` ends or fails one call to the file system, `proxies` (beside this folder) cuts a network
connection, `networks` loses packets. `make chaos` runs everything here at length.
"""
