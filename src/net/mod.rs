//! Length-prefixed frames over sockets, with limits.
