//! The state machine as a whole: scenarios with exact expectations, and hostile histories.

mod feed;
mod hostile;
mod scenarios;
