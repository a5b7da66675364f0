//! Replicated state machines: decide, journal, replay, answer.
