//! The scenarios, one file per subject; one broker serves them all at once.
mod api_versions;
mod metadata;
mod produce;
mod validation;
