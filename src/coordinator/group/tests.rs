//! Tests of the rules of groups.
pub mod rig;
