"""The bridge from objects to pure functions; everything else in the house stands on it."""
