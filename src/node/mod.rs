//! Wiring: builds every layer in order, runs it, takes it down in reverse.
