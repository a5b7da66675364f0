//! Black-box checks of a Kafka broker over TCP: the client layer that the scenarios in `tests/` speak through.
//!
//! A scenario knows nothing of the broker but its address. `OTTLA_TEST_BROKER=host:port` names one that runs already
//! (Apache Kafka, which proves the scenario); without it `target/debug/ottla` is started on a free port.
pub mod batch;
pub mod broker;
pub mod check;
pub mod child;
pub mod codes;
pub mod connection;
pub mod groups;
pub mod hostile;
pub mod kills;
pub mod line;
pub mod loads;
pub mod random;
pub mod schema;
pub mod steps;
pub mod time;
pub mod transactional;
pub mod transactions;
pub mod visible;
pub mod wire;

pub use batch::{Batch, Codec, Record};
pub use broker::{address, on_kafka};
pub use check::{assert_error, assert_ok, code_name};
pub use connection::{Connection, Failure, encode_request};
pub use kafka_protocol::ResponseError as Code;
pub use steps::*;
