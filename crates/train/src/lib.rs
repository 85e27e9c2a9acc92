//! The loop: tasks, evaluation, checkpoints, resuming, devices.
