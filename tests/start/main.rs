//! The broker's process as its users meet it: settings, first and second start, refusals, signals, limits.
#![expect(clippy::disallowed_methods, reason = "a test waits, and looks at the files the binary leaves")]
mod asker;
mod awake;
mod child;
mod codes;
mod cold;
mod dynamic;
mod limits;
mod pages;
mod refusals;
mod settings;
mod stop;
mod versions;
