//! The metadata log: who decides, and how a decision is made durable. A quorum of one for now.
