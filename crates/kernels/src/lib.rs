//! The operations an encoder spends its time in.
