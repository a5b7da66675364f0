//! Black-box checks of a Kafka broker over TCP.
