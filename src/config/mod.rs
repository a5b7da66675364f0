//! Settings: one table of Kafka's names, read from file, environment and flags, checked once.
