//! Names of figures, with their units.

pub const MB_PER_SECOND: &str = "MB/s";
pub const CPU_PER_GB: &str = "CPU s/GB";
pub const REQUESTS_PER_SECOND: &str = "requests/s";
pub const CPU_PER_REQUEST: &str = "CPU us/request";
pub const CPU_PER_RECORD: &str = "CPU us/record";
pub const RECORDS_PER_SECOND: &str = "records/s";
pub const P50_MS: &str = "p50 ms";
pub const P99_MS: &str = "p99 ms";
pub const P999_MS: &str = "p99.9 ms";
/// Acknowledged meanwhile to those who write beside what is measured.
pub const OTHERS_MB_PER_SECOND: &str = "MB/s of others";
/// Without the time in which a group is joined.
pub const FETCHED_RECORDS_PER_SECOND: &str = "records/s once joined";
pub const READY_MS: &str = "ready ms";
pub const SERVED_MS: &str = "all served ms";
pub const RESIDENT_MB: &str = "resident MB";
pub const IDLE_CPU_PERCENT: &str = "CPU %";
pub const COMMITS_PER_SECOND: &str = "commits/s";
pub const COMMITS_PER_CPU_SECOND: &str = "commits/CPU s";
pub const TRANSACTIONS_PER_SECOND: &str = "transactions/s";
pub const TRANSACTIONS_PER_CPU_SECOND: &str = "transactions/CPU s";
pub const PLAIN_MB_PER_SECOND: &str = "MB/s without";
pub const LOSS_PERCENT: &str = "loss %";
/// From the last answer of one transaction to the first of the next.
pub const PAUSE_MS: &str = "pause p50 ms";
pub const STOP_MS: &str = "stop ms";
pub const AGREED_MS: &str = "agreed ms";
pub const CREATED_SECONDS: &str = "made s";
pub const FEW_RECORDS_PER_SECOND: &str = "records/s over 6";
pub const WRITTEN_RESIDENT_MB: &str = "resident MB, written";
pub const VIEWLESS_MS: &str = "all served ms, no view";
pub const MB_PER_CPU_SECOND: &str = "MB/CPU s";
pub const SECONDS: &str = "s";
pub const SEGMENTS: &str = "segments";
/// Of a load beside the work of a row.
pub const P99_WITHOUT_MS: &str = "p99 ms without";
pub const P99_RATIO: &str = "p99 by that without";
/// With so many partitions, connections or segments.
pub const CPU_AT_1: &str = "CPU us/request, 1";
pub const CPU_AT_10: &str = "CPU us/request, 10";
pub const CPU_AT_100: &str = "CPU us/request, 100";
pub const CPU_AT_1000: &str = "CPU us/request, 1,000";
pub const CPU_AT_5000: &str = "CPU us/request, 5,000";
pub const CPU_AT_10_000: &str = "CPU us/request, 10,000";
/// Of these figures of one row.
pub const CPU_SPREAD: &str = "most by least";
/// What an old log takes by what a new one does.
pub const AGED_PRODUCE_CPU: &str = "CPU of produce, 1,000 by 1";
pub const AGED_PRODUCE_TIME: &str = "time of produce, 1,000 by 1";
pub const AGED_FETCH_CPU: &str = "CPU of fetch, 1,000 by 1";
pub const AGED_FETCH_TIME: &str = "time of fetch, 1,000 by 1";
