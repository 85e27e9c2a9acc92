//! Many at once on one run: one trains it, and the others are told who does. Some rounds here; a thousand by
//! `CASEBOOK_ROUNDS=1000 cargo test --release --workspace --test owner`.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod small;

use std::sync::Barrier;
use std::thread;

use casebook_train::{Outcome, TrainError};
use journal::{Event, Status};
use small::{Small, events, final_bytes};

/// Askers at once.
const ASKERS: usize = 32;

#[test]
fn one_of_many_trains_a_run() {
    let rounds = std::env::var("CASEBOOK_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let mut small = Small::new();
    small.config.train.steps = Some(8);
    small.train("alone", None).unwrap();
    let wanted = (events(&small.run("alone")), final_bytes(&small.run("alone")));
    for round in 0..rounds {
        let (name, barrier) = (format!("round-{round}"), Barrier::new(ASKERS));
        let ask = || {
            barrier.wait();
            small.watched(&name, None).0
        };
        let outcomes: Vec<Result<Outcome, TrainError>> = thread::scope(|scope| {
            let askers: Vec<_> = (0..ASKERS).map(|_| scope.spawn(ask)).collect();
            askers.into_iter().map(|asker| asker.join().unwrap()).collect()
        });
        let mut trained = 0;
        for outcome in outcomes {
            match outcome {
                Ok(Outcome::Ended(Status::Finished)) => trained += 1,
                // A lock is asked for again for a second: some find the run ended.
                Ok(Outcome::EndedBefore(Status::Finished)) => {}
                Err(TrainError::Locked { who, .. }) => assert!(who.is_empty() || who.contains("process"), "{who}"),
                other => panic!("{other:?}"),
            }
        }
        let run = small.run(&name);
        let all = journal::read_all(&run.join("journal.jsonl")).unwrap();
        let count = |wanted: fn(&Event) -> bool| all.iter().filter(|event| wanted(event)).count();
        let begun = count(|event| matches!(event, Event::Start(_)));
        let resumed = count(|event| matches!(event, Event::Resume(_)));
        assert_eq!((trained, begun, resumed), (1, 1, 0), "round {round}");
        assert!((events(&run), final_bytes(&run)) == wanted, "round {round}");
    }
}
