//! Tests of consumer groups on a whole shard: rule by rule, and by seeds.
mod joining;
mod leaving;
mod model;
mod moving;
mod patterns;
mod scale;
mod shard;
