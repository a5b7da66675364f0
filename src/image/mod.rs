//! All metadata at one offset as an immutable value, and the records that change it.
