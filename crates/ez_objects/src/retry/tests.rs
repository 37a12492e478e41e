use super::*;

fn failure(cause: Cause) -> Error {
    Error::new("get", "k", cause, "")
}

#[test]
fn pauses_double_up_to_the_longest_and_fill_the_whole_range() {
    let policy = Policy::default();
    let mut dice = Dice::from_seed(3);
    for (failures, bound_ms) in
        [(1, 100), (2, 200), (3, 400), (6, 3200), (7, 5000), (40, 5000), (u32::MAX, 5000)]
    {
        let bound = Duration::from_millis(bound_ms);
        let pauses: Vec<_> = (0..500).map(|_| policy.pause(failures, &mut dice)).collect();
        assert!(pauses.iter().all(|pause| *pause <= bound), "{failures}");
        assert!(pauses.iter().any(|pause| *pause > bound * 9 / 10), "{failures}: the top is never reached");
        assert!(pauses.iter().any(|pause| *pause < bound / 10), "{failures}: no full jitter");
    }
}

#[test]
fn an_attempt_may_take_two_segments_but_never_less_than_three_seconds() {
    for (segment, attempt, pause) in [(1, 3, 1), (2, 4, 2), (6, 12, 5)] {
        let policy = Policy::for_segments_of(Duration::from_secs(segment));
        assert_eq!(policy.attempt_timeout, Duration::from_secs(attempt));
        assert_eq!(policy.longest_pause, Duration::from_secs(pause), "one segment, at most as ever");
    }
}

/// A link that takes seven seconds for what may take three at first.
#[tokio::test(start_paused = true)]
async fn what_is_cut_off_gets_more_time_but_not_without_end() {
    let policy = Policy::for_segments_of(Duration::from_secs(1)).for_large_bodies();
    let mut dice = Dice::from_seed(1);
    let mut attempts = 0;
    let answer = persist(&policy, &mut dice, "put", "k", || {
        attempts += 1;
        async {
            sleep(Duration::from_secs(7)).await;
            Ok(())
        }
    })
    .await;
    assert_eq!((answer.is_ok(), attempts), (true, 3), "after 3 s, 6 s, 12 s");
    let limits: Vec<_> = (0..6).map(|cut_off| policy.limit(cut_off).as_secs()).collect();
    assert_eq!(limits, [3, 6, 12, 24, 30, 30]);
    let small = Policy::for_segments_of(Duration::from_secs(1));
    assert_eq!(small.limit(u32::MAX), Duration::from_secs(3), "a playlist is small");
}

#[tokio::test(start_paused = true)]
async fn passing_failures_are_repeated_and_lasting_ones_are_not() {
    let mut dice = Dice::from_seed(1);
    let mut left = 4;
    let answer = persist(&Policy::default(), &mut dice, "get", "k", || {
        left -= 1;
        let result = if left == 0 { Ok(7) } else { Err(failure(Cause::Throttled)) };
        async { result }
    })
    .await;
    assert_eq!((answer.unwrap(), left), (7, 0));

    let mut attempts = 0;
    let answer: Result<(), _> = persist(&Policy::default(), &mut dice, "get", "k", || {
        attempts += 1;
        async { Err(failure(Cause::Refused)) }
    })
    .await;
    assert_eq!((answer.unwrap_err().cause, attempts), (Cause::Refused, 1));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_cut_off_and_the_whole_is_given_up() {
    let policy = Policy {
        attempt_timeout: Duration::from_secs(2),
        longest_attempt: Duration::from_secs(2),
        give_up_after: Some(Duration::from_secs(20)),
        ..Policy::default()
    };
    let begun = Instant::now();
    let answer: Result<(), _> =
        persist(&policy, &mut Dice::from_seed(1), "get", "k", || async { std::future::pending().await })
            .await;
    let error = answer.unwrap_err();
    assert_eq!(error.cause, Cause::Timeout);
    assert!(error.is_ambiguous());
    let taken = begun.elapsed();
    assert!(taken > Duration::from_secs(10) && taken <= Duration::from_secs(22), "{taken:?}");
}
