//! A machine of the tests' own on real partitions: loading, serving, crashes, damage, timers, the end.
#![expect(clippy::disallowed_methods, reason = "tests look into directories and damage files")]
mod broker;
mod by_seed;
mod crash;
mod ending;
mod loading;
mod rig;
mod serving;
mod viewed;
mod viewed_transactions;
