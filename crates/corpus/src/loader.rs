//! Worker threads that make batches ahead.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::{Batch, BatchPlan};

/// A batch, or what its worker panicked with.
type Made = Result<Batch, Box<dyn Any + Send>>;

/// Delivers the batches of a range of steps, in order, made ahead by worker threads.
///
/// The batches are those of [`BatchPlan::batch`], whatever the number of workers. Dropping it ends its threads. A
/// panic in a worker comes out of [`Loader::next`] at the step it happened in.
pub struct Loader {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    waited: Duration,
}

struct Shared {
    plan: Arc<BatchPlan>,
    end: u64,
    ahead: u64,
    queue: Mutex<Queue>,
    /// A batch was made.
    made: Condvar,
    /// A batch was taken, or the loader dropped: there may be something to make, or to end for.
    taken: Condvar,
}

struct Queue {
    /// The step delivered next.
    next: u64,
    /// The step that the next free worker makes.
    claim: u64,
    made: BTreeMap<u64, Made>,
    stopped: bool,
}

impl Loader {
    /// Starts `workers` threads that make the batches of `steps`, at most `ahead` (at least one) before they are
    /// asked for. Without workers each batch is made when it is asked for.
    ///
    /// # Panics
    /// If the system gives no thread.
    pub fn start(plan: Arc<BatchPlan>, steps: Range<u64>, workers: usize, ahead: usize) -> Self {
        let queue = Queue { next: steps.start, claim: steps.start, made: BTreeMap::new(), stopped: false };
        let shared = Arc::new(Shared {
            plan,
            end: steps.end,
            ahead: ahead.max(1) as u64,
            queue: Mutex::new(queue),
            made: Condvar::new(),
            taken: Condvar::new(),
        });
        let worker = |number| {
            let shared = Arc::clone(&shared);
            let builder = thread::Builder::new().name(format!("batches-{number}"));
            builder.spawn(move || shared.work()).expect("the system gives threads")
        };
        let workers = (0..workers).map(worker).collect();
        Self { shared, workers, waited: Duration::ZERO }
    }

    /// Time spent in [`Loader::next`], in all, so far: waiting for batches, or making them where there are no workers.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Iterator for Loader {
    type Item = Batch;

    /// The next step's batch; nothing after the last.
    ///
    /// # Panics
    /// With what its worker panicked with.
    fn next(&mut self) -> Option<Batch> {
        let started = Instant::now();
        let made = if self.workers.is_empty() { self.shared.make_next() } else { self.shared.take_next() };
        self.waited += started.elapsed();
        made.map(|made| made.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.taken.notify_all();
        for worker in self.workers.drain(..) {
            // What a worker panicked with was caught and delivered.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing that may panic runs under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, step: u64) -> Made {
        // The plan holds nothing that a panic could leave half done.
        catch_unwind(AssertUnwindSafe(|| self.plan.batch(step)))
    }

    /// A worker's life: claims step after step until all are made or the loader is dropped.
    fn work(&self) {
        while let Some(step) = self.claim() {
            let made = self.make(step);
            self.lock().made.insert(step, made);
            self.made.notify_all();
        }
    }

    /// The next step to make, once the queue has room for it.
    fn claim(&self) -> Option<u64> {
        let full =
            |queue: &mut Queue| !queue.stopped && queue.claim < self.end && queue.claim - queue.next >= self.ahead;
        let mut queue = self.taken.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if queue.stopped || queue.claim >= self.end {
            return None;
        }
        queue.claim += 1;
        Some(queue.claim - 1)
    }

    /// Waits for the next step's batch.
    fn take_next(&self) -> Option<Made> {
        let mut queue = self.lock();
        if queue.next >= self.end {
            return None;
        }
        loop {
            let step = queue.next;
            if let Some(made) = queue.made.remove(&step) {
                queue.next += 1;
                self.taken.notify_all();
                return Some(made);
            }
            queue = self.made.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes the next step's batch here.
    fn make_next(&self) -> Option<Made> {
        let step = {
            let mut queue = self.lock();
            if queue.next >= self.end {
                return None;
            }
            queue.next += 1;
            queue.next - 1
        };
        Some(self.make(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::testing::{line_plan, packed_plan};
    use crate::{BatchPlan, MemorySource, RowCorpus};

    fn delivered(loader: &mut Loader) -> Vec<Batch> {
        loader.collect()
    }

    #[test]
    fn delivers_the_plans_batches_in_order_from_any_start() {
        for plan in [packed_plan(8), line_plan(8)].map(Arc::new) {
            let steps = plan.steps_per_epoch();
            for (start, workers, ahead) in [(0, 1, 1), (3, 2, 4), (steps - 1, 3, 2), (10_000_000, 4, 16), (5, 0, 1)] {
                let mut loader = Loader::start(Arc::clone(&plan), start..start + 9, workers, ahead);
                let wanted: Vec<Batch> = (start..start + 9).map(|step| plan.batch(step)).collect();
                assert_eq!(delivered(&mut loader), wanted, "from {start} with {workers} workers");
                assert!(loader.next().is_none());
            }
        }
    }

    #[test]
    fn dropped_early_it_ends_its_threads() {
        let plan = Arc::new(packed_plan(4));
        let mut loader = Loader::start(Arc::clone(&plan), 0..u64::MAX, 3, 5);
        assert!(loader.next().is_some());
        drop(loader);
        assert_eq!(Arc::strong_count(&plan), 1, "a thread still holds the plan");
    }

    #[test]
    fn makes_no_more_than_asked_ahead() {
        let plan = Arc::new(packed_plan(4));
        let mut loader = Loader::start(Arc::clone(&plan), 0..1_000, 2, 3);
        for _ in 0..20 {
            assert!(loader.next().is_some());
            let queue = loader.shared.lock();
            assert!(queue.claim - queue.next <= 3 && queue.made.len() <= 3);
        }
    }

    #[test]
    fn the_time_spent_waiting_adds_up() {
        for workers in [0, 1] {
            let mut loader = Loader::start(Arc::new(packed_plan(64)), 0..9, workers, 1);
            assert_eq!(loader.waited(), Duration::ZERO);
            let started = Instant::now();
            let mut before = Duration::ZERO;
            while loader.next().is_some() {
                assert!(loader.waited() > before);
                before = loader.waited();
            }
            assert!(before < started.elapsed());
        }
    }

    #[test]
    fn no_steps_are_no_batches() {
        let plan = Arc::new(packed_plan(4));
        assert!(Loader::start(plan, 7..7, 2, 2).next().is_none());
    }

    #[test]
    fn a_panic_in_a_worker_comes_out_at_its_step() {
        struct Broken(MemorySource);
        impl crate::TokenSource for Broken {
            fn token_count(&self) -> u64 {
                self.0.token_count()
            }
            fn copy_tokens(&self, range: Range<u64>, into: &mut Vec<u32>) {
                assert!(range.start < 40, "shard torn away");
                self.0.copy_tokens(range, into);
            }
            fn line_count(&self) -> u64 {
                self.0.line_count()
            }
            fn line(&self, index: u64) -> Range<u64> {
                self.0.line(index)
            }
            fn document_count(&self) -> u64 {
                self.0.document_count()
            }
            fn document(&self, index: u64) -> Range<u64> {
                self.0.document(index)
            }
        }
        let source = Arc::new(Broken(MemorySource::new(&[vec![vec![7; 99]]])));
        let corpus = RowCorpus { name: "a".into(), weight: 1.0, sources: vec![source] };
        let plan = Arc::new(crate::batch::testing::in_order_plan(vec![corpus], 11, 2));
        for workers in [0, 1, 3] {
            let mut loader = Loader::start(Arc::clone(&plan), 0..5, workers, 4);
            assert_eq!(loader.next(), Some(BatchPlan::batch(&plan, 0)));
            assert_eq!(loader.next().map(|batch| batch.rows), Some(vec![2, 3]));
            let panic = catch_unwind(AssertUnwindSafe(|| loader.next())).expect_err("row 4 cannot be read");
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"shard torn away"));
        }
    }
}
