use super::*;

/// Readings at 30 frames per second; a negative number is an unreadable frame.
fn frames(numbers: &[i32]) -> Vec<FrameReading> {
    numbers
        .iter()
        .enumerate()
        .map(|(n, number)| FrameReading {
            pts_seconds: f64::from(u32::try_from(n).unwrap()) / 30.0,
            counter: u16::try_from(*number).ok(),
            flash: false,
        })
        .collect()
}

#[test]
fn faults_are_told_apart() {
    // (what, numbers, dropped, doubled, out of order, unreadable, longest hold)
    type Case<'a> = (&'a str, &'a [i32], usize, usize, usize, usize, usize);
    let cases: [Case<'_>; 12] = [
        ("clean", &[5, 6, 7, 8], 0, 0, 0, 0, 1),
        ("wraps at 65536", &[65534, 65535, 0, 1], 0, 0, 0, 0, 1),
        ("drop over the wrap", &[65534, 1], 2, 0, 0, 0, 1),
        ("doubled", &[1, 2, 2, 3], 0, 1, 0, 0, 2),
        ("frozen", &[1, 2, 2, 2, 2, 3], 0, 3, 0, 0, 4),
        ("swapped", &[1, 3, 2, 4], 0, 0, 1, 0, 1),
        ("came late", &[1, 4, 5, 2, 6], 1, 0, 1, 0, 1),
        ("jump back", &[1, 2, 3, 2, 3, 4], 0, 2, 1, 0, 1),
        ("unreadable in place", &[1, -1, 3], 0, 0, 0, 1, 1),
        ("unreadable and dropped", &[1, -1, 4], 1, 0, 0, 1, 1),
        ("unreadable extra", &[1, -1, 2], 0, 0, 0, 1, 1),
        ("doubled around unreadable", &[1, 1, -1, 1, 2], 0, 2, 0, 1, 3),
    ];
    for (what, numbers, dropped, doubled, out_of_order, unreadable, hold) in cases {
        let a = analyse(&frames(numbers), Cadence::SAME_RATE);
        assert_eq!(
            (a.dropped, a.doubled, a.out_of_order, a.unreadable, a.longest_hold),
            (dropped, doubled, out_of_order, unreadable, hold),
            "{what}"
        );
    }
}

#[test]
fn edges_are_not_counted_inside() {
    let a = analyse(&frames(&[-1, -1, 7, 8, -1]), Cadence::SAME_RATE);
    assert_eq!((a.leading_unreadable, a.unreadable, a.trailing_unreadable), (2, 0, 1));
    assert!(a.is_clean());
    let nothing = analyse(&frames(&[-1, -1]), Cadence::SAME_RATE);
    assert_eq!((nothing.leading_unreadable, nothing.is_clean()), (2, false));
    assert!(!analyse(&[], Cadence::SAME_RATE).is_clean());
    assert!(!analyse(&frames(&[4]), Cadence::SAME_RATE).is_clean(), "one frame proves nothing");
}

#[test]
fn a_looped_contribution_goes_on_at_its_first_number() {
    let looped = Cadence::SAME_RATE.looped(100, 10);
    assert!(analyse(&frames(&[107, 108, 109, 100, 101, 102]), looped).is_clean());
    assert_eq!(analyse(&frames(&[108, 109, 101, 102]), looped).dropped, 1);
}

#[test]
fn times_are_judged() {
    let mut late = frames(&[1, 2, 3]);
    late[2].pts_seconds = late[1].pts_seconds;
    assert_eq!(analyse(&late, Cadence::SAME_RATE).times_not_rising, 1);
    late[2].pts_seconds += 2.0;
    assert!((analyse(&late, Cadence::SAME_RATE).longest_time_step - 2.0).abs() < 1e-9);
}
