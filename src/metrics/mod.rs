//! Counters and histograms: one table of what is exported.
