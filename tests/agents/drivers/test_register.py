"""Energy of a slot from a meter's register: what was not read is not made up."""

from datetime import UTC, datetime, timedelta

from agents.drivers.register import ANEW_WH, KEPT, Beginnings, Parts, Register

T0 = datetime(2026, 1, 14, 17, tzinfo=UTC)
S = timedelta(seconds=1)


def register(*readings: tuple[float, float]) -> Register:
    found = Register(60 * S)
    for second, wh in readings:
        found.note(T0 + second * S, wh)
    return found


def test_energy_is_the_difference_of_the_register_at_both_ends() -> None:
    assert register((0, 1_000), (900, 1_750)).energy_wh(T0, T0 + 900 * S) == 750


def test_end_between_two_near_readings_is_between_their_values() -> None:
    assert register((-10, 100), (10, 120), (895, 900), (905, 920)).energy_wh(T0, T0 + 900 * S) == 800


def test_end_between_readings_that_are_too_far_apart_is_not_known() -> None:
    assert register((-10, 100), (60, 170), (900, 900)).energy_wh(T0, T0 + 900 * S) is None


def test_register_that_stands_still_tells_everything_between() -> None:
    found = register((-600, 100), (-300, 100), (0, 100), (700, 100), (2_000, 100))
    assert found.energy_wh(T0, T0 + 900 * S) == 0
    assert len(found._at) == 2


def test_slot_that_is_not_over_by_the_last_reading_is_not_known() -> None:
    assert register((0, 100), (890, 900)).energy_wh(T0, T0 + 900 * S) is None
    assert Register(60 * S).energy_wh(T0, T0 + 900 * S) is None


def test_exchanged_meter_tells_nothing_across_its_exchange() -> None:
    found = register((0, 5_000_000), (400, 0), (900, 500))
    assert found.energy_wh(T0, T0 + 900 * S) is None
    assert found.energy_wh(T0 + 400 * S, T0 + 900 * S) == 500


def test_export_is_negative_and_neighbouring_slots_add_up() -> None:
    found = register((0, 10.4), (60, 10.7), (120, 11.2), (180, -3.9))
    slots = [found.energy_wh(T0 + start * S, T0 + (start + 60) * S) for start in (0, 60, 120)]
    assert slots == [1, 0, -15]
    assert found.energy_wh(T0, T0 + 180 * S) == sum(slots)  # type: ignore[arg-type]


def test_old_readings_are_forgotten() -> None:
    found = Register(60 * S)
    for hour in range(200):
        found.note(T0 + hour * 3600 * S, hour)
    assert len(found._at) == KEPT // (3600 * S) + 1


def test_gap_that_is_shorter_than_a_slot_is_shared_out_evenly() -> None:
    found = register((0, 0), (800, 800), (1_000, 1_400), (1_800, 2_200))
    first, second = T0 + 900 * S, T0 + 1_800 * S
    assert (found.energy_wh(T0, first), found.energy_wh(first, second)) == (None, None)
    assert (found.estimated_wh(T0, first), found.estimated_wh(first, second)) == (1_100, 1_100)  # 2,200 Wh together


def test_gap_that_swallows_a_slot_is_not_guessed() -> None:
    found = register((0, 0), (800, 800), (1_900, 1_400))
    assert found.estimated_wh(T0, T0 + 900 * S) is None
    assert register((0, 5_000_000), (800, 5_000_800), (1_000, 0)).estimated_wh(T0, T0 + 900 * S) is None  # exchanged


def kept_register(*kept: tuple[float, float]) -> Register:
    """Heard until minute 5 and from minute 75 on."""
    found = register((0, 0), (300, 100), (4_500, 5_000))
    for minute, wh in kept:
        found.fill(T0 + 60 * minute * S, wh)
    return found


def quarters(found: Register) -> list[int | None]:
    spans = [(T0 + 60 * minute * S, T0 + 60 * (minute + 15) * S) for minute in range(0, 75, 15)]
    assert all(found.energy_wh(*span) is None for span in spans[:4])
    return [found.estimated_wh(*span) for span in spans]


def test_half_hour_that_a_meter_has_kept_is_shared_out_among_the_slots_in_it() -> None:
    found = kept_register((30, 1_100), (60, 4_000))
    assert quarters(found) == [500, 600, 1_450, 1_450, 1_000]  # 1,100 Wh, 2,900 Wh and 1,000 Wh are metered
    assert found.energy_wh(T0 + 1_800 * S, T0 + 3_600 * S) == 2_900


def test_slot_in_a_gap_longer_than_a_half_hour_is_not_guessed_even_beside_a_kept_value() -> None:
    assert quarters(kept_register((30, 1_100))) == [500, 600, None, None, None]
    assert quarters(kept_register()) == [None] * 5
    heard_only = register((0, 0), (300, 100), (2_000, 1_100))
    assert heard_only.estimated_wh(T0 + 600 * S, T0 + 1_500 * S) is None


def test_half_hour_of_a_register_that_was_exchanged_is_shared_out_no_more() -> None:
    found = kept_register((30, 1_100), (60, 4_000))
    found.note(T0 + 4_600 * S, 9_000_000)
    assert found.estimated_wh(T0 + 1_800 * S, T0 + 2_700 * S) is None
    assert not found._kept


def test_each_of_two_registers_that_begins_anew_is_counted_and_both_at_once_are_one() -> None:
    of = Beginnings(rough_wh=100)
    for imported, exported in ((9_000, 500), (9_100, 450), (9_200, 0), (0, 10), (10, 20)):
        of.note({"imported": imported, "exported": exported})
    assert of.times == 2  # 450 is rounded
    of.note({"imported": 5_000, "exported": 5_000})
    of.note({"imported": 0, "exported": 0})
    assert (of.times, of.anew_wh) == (3, 3 * ANEW_WH)


def test_register_of_which_nothing_is_told_has_not_begun_anew() -> None:
    of = Beginnings()
    of.note({"imported": 9_000, "exported": 500})
    of.note({"imported": 9_100})
    of.note({"imported": 9_200, "exported": 400})
    assert of.times == 1


def test_net_register_that_falls_little_by_little_has_not_begun_anew() -> None:
    of = Beginnings(rough_wh=100, most_left=0.5)
    for net_wh in (900, 600, 350, -200, -900, -2_000):
        of.note({"imported": net_wh})
    assert of.times == 0
    of.note({"imported": 5_000})
    of.note({"imported": 2_500})
    assert of.times == 1


def test_gap_is_filled_by_what_the_meter_has_kept() -> None:
    found = register((0, 1_000), (4_000, 3_000))
    assert found.energy_wh(T0 + 900 * S, T0 + 2_700 * S) is None
    for second, wh in ((900, 1_400.0), (2_700, 2_300.0), (900, 9_999.0)):
        found.fill(T0 + second * S, wh)
    assert found.energy_wh(T0 + 900 * S, T0 + 2_700 * S) == 900
    assert found.energy_wh(T0, T0 + 4_000 * S) == 2_000


def test_time_before_the_first_reading_is_filled_too() -> None:
    found = register((0, 1_000))
    found.fill(T0 - 1_800 * S, 700.0)
    assert found.energy_wh(T0 - 1_800 * S, T0) == 300


def test_what_fits_to_no_reading_beside_it_fills_nothing() -> None:
    found = register((0, 1_000), (60, 1_010))
    found.fill(T0 + 30 * S, 1_000 + ANEW_WH)
    found.fill(T0 + 90 * S, 1_020.0)  # behind the last reading: nobody knows whether it is of the same register
    found.fill(T0 - KEPT - 60 * S, 900.0)
    assert found._wh == [1_000, 1_010]
    Register(60 * S).fill(T0, 1.0)


def known(parts: Parts, *said: tuple[float, float]) -> list[bool]:
    """Of each: when something was said, and when the oldest part was."""
    return [parts.are_known(T0 + at * S, T0 + oldest * S) for at, oldest in said]


def test_part_that_was_said_before_a_silence_is_waited_for() -> None:
    parts = Parts(60 * S)
    assert known(parts, (0, -1), (10, 9)) == [True, True]
    assert known(parts, (100, 9), (101, 9), (102, 100), (103, 102)) == [False, False, True, True]


def test_part_that_is_not_said_again_stands_still_where_there_was_no_silence() -> None:
    assert known(Parts(60 * S), *((at, 0) for at in range(0, 600, 60))) == [True] * 10


def test_part_that_is_not_said_behind_a_silence_stands_still_after_as_long_again() -> None:
    parts = Parts(60 * S)
    known(parts, (0, 0))
    assert known(parts, (100, 0), (130, 0), (159, 0), (160, 0), (200, 0)) == [False, False, False, True, True]
    assert known(parts, (300, 0), (301, 300)) == [False, True]  # behind the next silence it is waited for again


def test_silence_while_a_part_is_waited_for_begins_the_wait_again() -> None:
    parts = Parts(60 * S)
    known(parts, (0, 0))
    assert known(parts, (100, 0), (200, 0), (201, 100), (259, 100), (260, 100)) == [False, False, False, False, True]


def test_silence_that_is_read_again_and_again_ends_nothing() -> None:
    parts = Parts(60 * S)
    known(parts, (0, 0))
    assert known(parts, (100, 0), (100, 0), (100, 0), (99.9, 0)) == [False] * 4
    assert known(parts, (100.1, 99.9)) == [True]  # ages are not quite exact
