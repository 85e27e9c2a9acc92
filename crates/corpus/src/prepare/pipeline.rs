//! One reader, many workers, results in the order of the input.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use crate::CorpusError;

type Outcome<R> = Result<Result<R, CorpusError>, Box<dyn Any + Send>>;

/// Runs `work` on all jobs of `produce` with `threads` workers and gives the results to `consume` in order, so that what
/// comes out does not depend on the number of threads.
///
/// A few jobs per worker are under way at a time: memory is bounded however slow `consume` is. `make` makes what each
/// worker keeps for itself. The first error stops everything.
pub(super) fn in_order<J: Send, R: Send, T: Send, W>(
    threads: usize,
    produce: impl FnOnce(&mut dyn FnMut(J) -> Result<(), CorpusError>) -> Result<T, CorpusError> + Send,
    make: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, J) -> Result<R, CorpusError> + Sync,
    mut consume: impl FnMut(R) -> Result<(), CorpusError>,
) -> Result<T, CorpusError> {
    let threads = threads.max(1);
    let (to_workers, jobs) = sync_channel(threads);
    let jobs = Mutex::new(jobs);
    let (to_consumer, results) = channel();
    let (give_permit, permits) = sync_channel(3 * threads);
    for _ in 0..3 * threads {
        // The channel has room for exactly these.
        let _ = give_permit.send(());
    }
    thread::scope(|scope| {
        let producer = scope.spawn(move || {
            let mut number = 0_u64;
            produce(&mut |job| {
                // Either end is only gone after an error, which is the one that is reported.
                permits.recv().map_err(|_| CorpusError::Interrupted)?;
                to_workers.send((number, job)).map_err(|_| CorpusError::Interrupted)?;
                number += 1;
                Ok(())
            })
        });
        for _ in 0..threads {
            let (jobs, make, work, to_consumer) = (&jobs, &make, &work, to_consumer.clone());
            scope.spawn(move || run_worker(jobs, make(), work, &to_consumer));
        }
        drop(to_consumer);
        let consumed = sort_results(&results, &give_permit, &mut consume);
        drop((results, give_permit));
        let produced = producer.join().unwrap_or_else(|panic| resume_unwind(panic));
        consumed.and(produced)
    })
}

fn run_worker<J, R, W>(
    jobs: &Mutex<Receiver<(u64, J)>>,
    mut own: W,
    work: &impl Fn(&mut W, J) -> Result<R, CorpusError>,
    results: &Sender<(u64, Outcome<R>)>,
) {
    loop {
        let Ok(Ok((number, job))) = jobs.lock().map(|jobs| jobs.recv()) else { return };
        // A panic is handed on: were the job merely lost, the consumer would wait for it for ever.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut own, job)));
        if results.send((number, outcome)).is_err() {
            // The consumer has stopped. The reader may be waiting to hand over a job: with nobody to take it, for ever.
            while jobs.lock().is_ok_and(|jobs| jobs.recv().is_ok()) {}
            return;
        }
    }
}

fn sort_results<R>(
    results: &Receiver<(u64, Outcome<R>)>,
    give_permit: &SyncSender<()>,
    consume: &mut impl FnMut(R) -> Result<(), CorpusError>,
) -> Result<(), CorpusError> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    for (number, outcome) in results {
        early.insert(number, outcome);
        while let Some(outcome) = early.remove(&next) {
            consume(outcome.unwrap_or_else(|panic| resume_unwind(panic))?)?;
            next += 1;
            let _ = give_permit.send(()); // the producer may be done
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: u64) -> impl FnOnce(&mut dyn FnMut(u64) -> Result<(), CorpusError>) -> Result<u64, CorpusError> {
        move |send| (0..count).try_for_each(send).map(|()| count)
    }

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let mut seen = Vec::new();
        let done = in_order(
            4,
            numbers(500),
            || (),
            |(), job| {
                if job % 7 == 0 {
                    thread::yield_now();
                }
                Ok(job * 2)
            },
            |result| {
                seen.push(result);
                Ok(())
            },
        );
        assert_eq!(done.ok(), Some(500));
        assert_eq!(seen, (0..500).map(|job| job * 2).collect::<Vec<_>>());
    }

    #[test]
    fn the_error_of_a_worker_ends_it_all() {
        let work = |(): &mut (), job| if job == 20 { Err(CorpusError::NoTrainingText) } else { Ok(job) };
        // Often, for the reader is left waiting only where it is ahead of the workers at the moment of the error.
        for _ in 0..200 {
            let done = in_order(2, numbers(1_000_000_000), || (), work, |_| Ok(()));
            assert!(matches!(done, Err(CorpusError::NoTrainingText)));
        }
    }

    #[test]
    fn the_error_of_the_reader_is_kept() {
        let produce = |send: &mut dyn FnMut(u64) -> Result<(), CorpusError>| -> Result<(), CorpusError> {
            send(1)?;
            Err(CorpusError::NoCorpora)
        };
        let done = in_order(2, produce, || (), |(), job| Ok(job), |_| Ok(()));
        assert!(matches!(done, Err(CorpusError::NoCorpora)));
    }

    #[test]
    #[should_panic(expected = "a bug")]
    fn a_panic_is_not_swallowed() {
        let _ = in_order(
            2,
            numbers(1_000_000),
            || (),
            |(), job| if job == 9 { panic!("a bug") } else { Ok(job) },
            |_| Ok(()),
        );
    }
}
