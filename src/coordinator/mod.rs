//! Coordinators: the rules of groups and transactions, and what runs them on their internal topics.
pub mod group;
