//! Tests of the groups' rules, on the machine.
pub mod rig;
