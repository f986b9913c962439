"""Devices, compiler options, executables and their identities, and the memory of the process."""
