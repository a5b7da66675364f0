//! Tests of the groups' rules, on the machine.
mod answers;
mod mixed;
pub mod rig;
