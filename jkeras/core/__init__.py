"""The connection between objects and pure functions, which all other parts use."""
