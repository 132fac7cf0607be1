//! Work done on all cores, shown in the order it came in.
//!
//! What waits is bounded everywhere, so a million files take no more memory
//! than a few dozen; showing has a thread of its own, so that an answer does
//! not wait for the next question.

use std::{
    num::NonZero,
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

/// Pieces under way per core; more would only take memory.
const AHEAD: usize = 4;

/// Feeds every item to `work` and every result to `show`, in the items' order,
/// until `show` breaks off.
pub(super) fn in_order<T: Send, R: Send>(
    items: impl Iterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
    show: impl FnMut(R) -> ControlFlow<()> + Send,
) {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let (give, take) = sync_channel::<(T, SyncSender<R>)>(cores);
    let (line_up, next) = sync_channel::<Receiver<R>>(cores * AHEAD);
    let take = Mutex::new(take);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| labour(&take, &work));
        }
        scope.spawn(move || show_all(&next, show));
        for item in items {
            let (answer, answered) = sync_channel(1);
            if line_up.send(answered).is_err() || give.send((item, answer)).is_err() {
                break;
            }
        }
        drop(give);
        drop(line_up);
    });
}

fn labour<T, R>(take: &Mutex<Receiver<(T, SyncSender<R>)>>, work: impl Fn(T) -> R) {
    loop {
        // The lock is let go before the work begins.
        let taken = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((item, answer)) = taken else { return };
        // Nobody listens once the showing has ended.
        let _ = answer.send(work(item));
    }
}

fn show_all<R>(next: &Receiver<Receiver<R>>, mut show: impl FnMut(R) -> ControlFlow<()>) {
    for answered in next {
        let Ok(result) = answered.recv() else { continue };
        if show(result).is_break() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let mut shown = Vec::new();
        // The first items are the slowest.
        let work = |n: u64| (0..(1000 - n) * 50).fold(n, |a, b| a.wrapping_add(b) ^ b) ^ n;
        let expected: Vec<u64> = (0..1000).map(work).collect();
        in_order(0..1000, work, |result| {
            shown.push(result);
            ControlFlow::Continue(())
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn nothing_is_read_once_nobody_looks() {
        let read = std::sync::atomic::AtomicUsize::new(0);
        let items = (0..).inspect(|_: &u64| {
            read.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        in_order(
            items,
            |n| n,
            |n| if n == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) },
        );
        assert!(read.into_inner() < 10_000);
    }
}
