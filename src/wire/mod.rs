//! Kafka's messages behind our own door: versions, headers, bounded decoding, error answers.
