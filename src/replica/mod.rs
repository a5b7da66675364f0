//! Partitions and their copies: leadership, in-sync replicas, the high watermark.
