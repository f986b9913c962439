"""The tutorial as notebooks, and as a script (`make demo`)."""
