//! A controller at work on a metadata log in memory.
