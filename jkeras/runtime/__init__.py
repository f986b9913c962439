"""Where programs live: devices, compiler options, executables and what identifies them, the memory of the process."""
