//! The shapes of all requests we serve, after the JSON schemas of Apache Kafka 4.3.
use super::{
    Version,
    shape::{
        Field::{self, *},
        Shape, Versioned,
    },
};

const MAX: Version = Version::MAX;

const fn all(field: Field) -> Versioned {
    Versioned { field, min: 0, max: MAX }
}
const fn from(min: Version, field: Field) -> Versioned {
    Versioned { field, min, max: MAX }
}
const fn upto(max: Version, field: Field) -> Versioned {
    Versioned { field, min: 0, max }
}
const fn between(min: Version, max: Version, field: Field) -> Versioned {
    Versioned { field, min, max }
}

/// The shape of one API's requests; `None` when we do not serve it.
pub fn shape_of(key: i16) -> Option<&'static Shape> {
    SHAPES.binary_search_by_key(&key, |shape| shape.key).ok().map(|index| &SHAPES[index])
}

const CONFIG: &[Versioned] = &[all(String), all(NullableString)];

/// Sorted by key.
pub const SHAPES: &[Shape] = &[
    Shape {
        key: 0, // Produce
        flexible_from: 9,
        fields: &[
            from(3, NullableString),
            all(I16),
            all(I32),
            all(Array(&[upto(12, String), from(13, Uuid), all(Array(&[all(I32), all(NullableBytes)]))])),
        ],
    },
    Shape {
        key: 1, // Fetch
        flexible_from: 12,
        fields: &[
            upto(14, I32),
            all(I32),
            all(I32),
            from(3, I32),
            from(4, I8),
            from(7, I32),
            from(7, I32),
            all(Array(&[upto(12, String), from(13, Uuid), all(Array(FETCH_PARTITION))])),
            from(7, Array(&[between(7, 12, String), from(13, Uuid), from(7, List(&I32))])),
            from(11, String),
            from(12, Tagged(0, &NullableString)),
            from(15, Tagged(1, &Struct(&[all(I32), all(I64)]))),
        ],
    },
    Shape {
        key: 2, // ListOffsets
        flexible_from: 6,
        fields: &[
            all(I32),
            from(2, I8),
            all(Array(&[all(String), all(Array(&[all(I32), from(4, I32), all(I64)]))])),
            from(10, I32),
        ],
    },
    Shape {
        key: 3, // Metadata
        flexible_from: 9,
        fields: &[
            upto(0, Array(METADATA_TOPIC)),
            from(1, NullableArray(METADATA_TOPIC)),
            from(4, I8),
            between(8, 10, I8),
            from(8, I8),
        ],
    },
    Shape {
        key: 8, // OffsetCommit
        flexible_from: 8,
        fields: &[
            all(String),
            all(I32),
            all(String),
            from(7, NullableString),
            between(2, 4, I64),
            all(Array(&[
                upto(9, String),
                from(10, Uuid),
                all(Array(&[all(I32), all(I64), from(6, I32), all(NullableString)])),
            ])),
        ],
    },
    Shape {
        key: 9, // OffsetFetch
        flexible_from: 6,
        fields: &[
            upto(7, String),
            upto(1, Array(OFFSET_FETCH_TOPIC)),
            between(2, 7, NullableArray(OFFSET_FETCH_TOPIC)),
            from(
                8,
                Array(&[
                    all(String),
                    from(9, NullableString),
                    from(9, I32),
                    all(NullableArray(&[upto(9, String), from(10, Uuid), all(List(&I32))])),
                ]),
            ),
            from(7, I8),
        ],
    },
    Shape {
        key: 10, // FindCoordinator
        flexible_from: 3,
        fields: &[upto(3, String), from(1, I8), from(4, List(&String))],
    },
    Shape {
        key: 11, // JoinGroup
        flexible_from: 6,
        fields: &[
            all(String),
            all(I32),
            from(1, I32),
            all(String),
            from(5, NullableString),
            all(String),
            all(Array(&[all(String), all(Bytes)])),
            from(8, NullableString),
        ],
    },
    Shape { key: 12, flexible_from: 4, fields: &[all(String), all(I32), all(String), from(3, NullableString)] }, // Heartbeat
    Shape {
        key: 13, // LeaveGroup
        flexible_from: 4,
        fields: &[
            all(String),
            upto(2, String),
            from(3, Array(&[all(String), all(NullableString), from(5, NullableString)])),
        ],
    },
    Shape {
        key: 14, // SyncGroup
        flexible_from: 4,
        fields: &[
            all(String),
            all(I32),
            all(String),
            from(3, NullableString),
            from(5, NullableString),
            from(5, NullableString),
            all(Array(&[all(String), all(Bytes)])),
        ],
    },
    Shape { key: 15, flexible_from: 5, fields: &[all(List(&String)), from(3, I8)] }, // DescribeGroups
    Shape { key: 16, flexible_from: 3, fields: &[from(4, List(&String)), from(5, List(&String))] }, // ListGroups
    Shape { key: 17, flexible_from: MAX, fields: &[all(String)] },                   // SaslHandshake
    Shape { key: 18, flexible_from: 3, fields: &[from(3, String), from(3, String)] }, // ApiVersions
    Shape {
        key: 19, // CreateTopics
        flexible_from: 5,
        fields: &[
            all(Array(&[
                all(String),
                all(I32),
                all(I16),
                all(Array(&[all(I32), all(List(&I32))])),
                all(Array(CONFIG)),
            ])),
            all(I32),
            from(1, I8),
        ],
    },
    Shape {
        key: 20, // DeleteTopics
        flexible_from: 4,
        fields: &[from(6, Array(&[from(6, NullableString), from(6, Uuid)])), upto(5, List(&String)), all(I32)],
    },
    Shape {
        key: 21, // DeleteRecords
        flexible_from: 2,
        fields: &[all(Array(&[all(String), all(Array(&[all(I32), all(I64)]))])), all(I32)],
    },
    Shape { key: 22, flexible_from: 2, fields: &[all(NullableString), all(I32), from(3, I64), from(3, I16)] }, // InitProducerId
    Shape {
        key: 23, // OffsetForLeaderEpoch
        flexible_from: 4,
        fields: &[from(3, I32), all(Array(&[all(String), all(Array(&[all(I32), from(2, I32), all(I32)]))]))],
    },
    Shape {
        key: 24, // AddPartitionsToTxn
        flexible_from: 3,
        fields: &[
            from(4, Array(&[all(String), all(I64), all(I16), all(I8), all(Array(TXN_TOPIC))])),
            upto(3, String),
            upto(3, I64),
            upto(3, I16),
            upto(3, Array(TXN_TOPIC)),
        ],
    },
    Shape { key: 25, flexible_from: 3, fields: &[all(String), all(I64), all(I16), all(String)] }, // AddOffsetsToTxn
    Shape { key: 26, flexible_from: 3, fields: &[all(String), all(I64), all(I16), all(I8)] },     // EndTxn
    Shape {
        key: 27, // WriteTxnMarkers
        flexible_from: 1,
        fields: &[all(Array(&[
            all(I64),
            all(I16),
            all(I8),
            all(Array(&[all(String), all(List(&I32))])),
            all(I32),
            from(2, I8),
        ]))],
    },
    Shape {
        key: 28, // TxnOffsetCommit
        flexible_from: 3,
        fields: &[
            all(String),
            all(String),
            all(I64),
            all(I16),
            from(3, I32),
            from(3, String),
            from(3, NullableString),
            all(Array(&[all(String), all(Array(&[all(I32), all(I64), from(2, I32), all(NullableString)]))])),
        ],
    },
    Shape {
        key: 32, // DescribeConfigs
        flexible_from: 4,
        fields: &[all(Array(&[all(I8), all(String), all(NullableList(&String))])), from(1, I8), from(3, I8)],
    },
    Shape {
        key: 33, // AlterConfigs
        flexible_from: 2,
        fields: &[all(Array(&[all(I8), all(String), all(Array(CONFIG))])), all(I8)],
    },
    Shape {
        key: 34, // AlterReplicaLogDirs
        flexible_from: 2,
        fields: &[all(Array(&[all(String), all(Array(&[all(String), all(List(&I32))]))]))],
    },
    Shape {
        key: 35, // DescribeLogDirs
        flexible_from: 2,
        fields: &[all(NullableArray(&[all(String), all(List(&I32))]))],
    },
    Shape { key: 36, flexible_from: 2, fields: &[all(Bytes)] }, // SaslAuthenticate
    Shape {
        key: 37, // CreatePartitions
        flexible_from: 2,
        fields: &[all(Array(&[all(String), all(I32), all(NullableArray(&[all(List(&I32))]))])), all(I32), all(I8)],
    },
    Shape { key: 42, flexible_from: 2, fields: &[all(List(&String))] }, // DeleteGroups
    Shape {
        key: 43, // ElectLeaders
        flexible_from: 2,
        fields: &[from(1, I8), all(NullableArray(&[all(String), all(List(&I32))])), all(I32)],
    },
    Shape {
        key: 44, // IncrementalAlterConfigs
        flexible_from: 1,
        fields: &[
            all(Array(&[all(I8), all(String), all(Array(&[all(String), all(I8), all(NullableString)]))])),
            all(I8),
        ],
    },
    Shape {
        key: 45, // AlterPartitionReassignments
        flexible_from: 0,
        fields: &[all(I32), from(1, I8), all(Array(&[all(String), all(Array(&[all(I32), all(NullableList(&I32))]))]))],
    },
    Shape {
        key: 46, // ListPartitionReassignments
        flexible_from: 0,
        fields: &[all(I32), all(NullableArray(&[all(String), all(List(&I32))]))],
    },
    Shape {
        key: 47, // OffsetDelete
        flexible_from: MAX,
        fields: &[all(String), all(Array(&[all(String), all(Array(&[all(I32)]))]))],
    },
    Shape {
        key: 55, // DescribeQuorum
        flexible_from: 0,
        fields: &[all(Array(&[all(String), all(Array(&[all(I32)]))]))],
    },
    Shape {
        key: 57, // UpdateFeatures
        flexible_from: 0,
        fields: &[all(I32), all(Array(&[all(String), all(I16), upto(0, I8), from(1, I8)])), from(1, I8)],
    },
    Shape { key: 60, flexible_from: 0, fields: &[all(I8), from(1, I8), from(2, I8)] }, // DescribeCluster
    Shape { key: 61, flexible_from: 0, fields: &[all(Array(&[all(String), all(List(&I32))]))] }, // DescribeProducers
    Shape { key: 65, flexible_from: 0, fields: &[all(List(&String))] },                // DescribeTransactions
    Shape {
        key: 66, // ListTransactions
        flexible_from: 0,
        fields: &[all(List(&String)), all(List(&I64)), from(1, I64), from(2, NullableString)],
    },
    Shape {
        key: 68, // ConsumerGroupHeartbeat
        flexible_from: 0,
        fields: &[
            all(String),
            all(String),
            all(I32),
            all(NullableString),
            all(NullableString),
            all(I32),
            all(NullableList(&String)),
            from(1, NullableString),
            all(NullableString),
            all(NullableArray(&[all(Uuid), all(List(&I32))])),
        ],
    },
    Shape { key: 69, flexible_from: 0, fields: &[all(List(&String)), all(I8)] }, // ConsumerGroupDescribe
    Shape { key: 74, flexible_from: 0, fields: &[from(1, List(&I8))] },          // ListConfigResources
    Shape {
        key: 75, // DescribeTopicPartitions
        flexible_from: 0,
        fields: &[all(Array(&[all(String)])), all(I32), all(NullableStruct(&[all(String), all(I32)]))],
    },
];

const FETCH_PARTITION: &[Versioned] = &[
    all(I32),
    from(9, I32),
    all(I64),
    from(12, I32),
    from(5, I64),
    all(I32),
    from(17, Tagged(0, &Uuid)),
    from(18, Tagged(1, &I64)),
];

const OFFSET_FETCH_TOPIC: &[Versioned] = &[all(String), all(List(&I32))];

const TXN_TOPIC: &[Versioned] = &[all(String), all(List(&I32))];

const METADATA_TOPIC: &[Versioned] = &[from(10, Uuid), upto(9, String), from(10, NullableString)];

#[cfg(test)]
mod tests;
