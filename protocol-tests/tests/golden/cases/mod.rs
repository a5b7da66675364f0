//! What is asked: for each API a plain request, and those that clients should not send.
mod cluster;
mod configs;
mod fetching;
mod groups;
mod members;
mod offsets;
mod partitions;
mod records;
mod topics;
mod transactions;

use crate::world::World;
use serde_json::Value;

/// The name of the one right and usual request that each API has.
pub const PLAIN: &str = "plain";

/// One request, at every version that has its fields.
#[derive(Clone, Copy)]
pub struct Case {
    pub api: &'static str,
    pub name: &'static str,
    pub request: fn(&World, i16) -> Value,
    pub min: i16,
    pub max: i16,
    /// A list of the answer that tells of all the broker has: only what was made for the request is compared.
    pub only_ours: Option<&'static str>,
    /// Apache Kafka fails inside and never answers.
    pub is_silent_on_kafka: bool,
}

impl Case {
    const fn new(api: &'static str, name: &'static str, request: fn(&World, i16) -> Value) -> Case {
        Case { api, name, request, min: 0, max: i16::MAX, only_ours: None, is_silent_on_kafka: false }
    }

    const fn from(self, min: i16) -> Case {
        Case { min, ..self }
    }

    const fn upto(self, max: i16) -> Case {
        Case { max, ..self }
    }

    const fn only_ours(self, list: &'static str) -> Case {
        Case { only_ours: Some(list), ..self }
    }

    const fn silent_on_kafka(self) -> Case {
        Case { is_silent_on_kafka: true, ..self }
    }

    pub fn title(&self) -> String {
        format!("{} {}", self.api, self.name)
    }
}

pub fn all() -> Vec<Case> {
    let parts = [
        cluster::CASES,
        configs::CASES,
        fetching::CASES,
        groups::CASES,
        members::CASES,
        offsets::CASES,
        partitions::CASES,
        records::CASES,
        topics::CASES,
        transactions::CASES,
    ];
    parts.concat()
}
