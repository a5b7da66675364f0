//! Times as people type them, in UTC, and as numbers since 1970.

/// Milliseconds since 1970 from `1795255200000`, from seconds (ten digits or fewer are too few for milliseconds of
/// our times), or from `2026-11-21`, `2026-11-21T10:00`, `2026-11-21T10:00:30.5Z`, `...+02:00`.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    if text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return if text.len() <= 10 { number.checked_mul(1000) } else { Some(number) };
    }
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_of_month(year, month)).contains(&day) {
        return None;
    }
    let of_day_ms = time.map_or(Some(0), time_of_day_ms)?;
    Some(days_since_1970(year, month, day) * 86_400_000 + of_day_ms)
}

/// `2026-11-21T10:00:00.000Z`; the number itself when it is no time of our calendar.
pub fn show_timestamp(at_ms: i64) -> String {
    // Years 0 to 9999.
    if !(-62_167_219_200_000..253_402_300_800_000).contains(&at_ms) {
        return at_ms.to_string();
    }
    let (days, ms) = (at_ms.div_euclid(86_400_000), at_ms.rem_euclid(86_400_000));
    let (year, month, day) = civil_from_days(days);
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1000)
}

fn time_of_day_ms(time: &str) -> Option<i64> {
    let (time, zone_minutes) = match time.find(['Z', '+', '-']) {
        Some(at) if &time[at..] == "Z" => (&time[..at], 0),
        Some(at) => {
            let (hours, minutes) = time[at + 1..].split_once(':')?;
            let minutes = digits(hours, 2)? * 60 + digits(minutes, 2)?;
            (&time[..at], if time[at..].starts_with('-') { -minutes } else { minutes })
        }
        None => (time, 0),
    };
    let mut parts = time.split(':');
    let (hours, minutes) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let (seconds, ms) = match parts.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once('.') {
            None => (digits(seconds, 2)?, 0),
            Some((seconds, fraction)) => {
                if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
                (digits(seconds, 2)?, ms)
            }
        },
    };
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    Some(((hours * 60 + minutes - zone_minutes) * 60 + seconds) * 1000 + ms)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    if text.len() != count || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// The well-known count that lets the year begin in March, so that the leap day is its last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The way back.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * shifted + 2) / 5 + 1, (shifted + 2) % 12 + 1);
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, at_ms) in [
            ("1795255200000", 1_795_255_200_000),
            ("1795255200", 1_795_255_200_000),
            ("1970-01-01", 0),
            ("2000-02-29T23:59:59Z", 951_868_799_000),
            ("2026-11-21T10:00", 1_795_255_200_000),
            ("2026-11-21 10:00:00.25", 1_795_255_200_250),
            ("2026-11-21T12:00:00+02:00", 1_795_255_200_000),
            ("2026-11-21T09:30-00:30", 1_795_255_200_000),
        ] {
            assert_eq!(parse_timestamp(text), Some(at_ms), "{text}");
        }
        for bad in
            ["", "12", "2026-13-01", "2025-02-29", "2026-11-21T24:00", "2026-11-21T10", "2026-11-21T10:00:00.", "é"]
        {
            assert_eq!(parse_timestamp(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        assert_eq!(show_timestamp(1_795_255_200_007), "2026-11-21T10:00:00.007Z");
        assert_eq!(show_timestamp(i64::MAX), i64::MAX.to_string());
        for at_ms in [0, -1, 951_868_799_999, 253_402_300_799_999, 1_795_255_200_000] {
            assert_eq!(parse_timestamp(&show_timestamp(at_ms)), Some(at_ms), "{at_ms}");
        }
    }
}
