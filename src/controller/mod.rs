//! The rules of the cluster: topics, partitions, configs, producer ids. Pure: state and request in, records out.
