//! Records without tensors: events, statistics, charts, reports.
