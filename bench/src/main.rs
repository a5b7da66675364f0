//! Side-by-side measurements of Ottla and Apache Kafka.
fn main() {}
