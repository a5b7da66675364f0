//! The HTTP listener: /metrics, /healthz, /readyz.
