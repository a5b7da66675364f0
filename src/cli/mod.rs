//! The commands of the `ottla` binary.
