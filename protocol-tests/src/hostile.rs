//! Frames no client would send, made from a seed.
