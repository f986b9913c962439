"""A plugin for pytest: `import keras` finds jkeras in this process."""

from jkeras.compat.hook import install

install()
