//! Sizes as Docker's CLI writes and reads them.

/// A size in decimal units with three digits: `5.17MB`.
pub(super) fn size(bytes: f64) -> String {
    scaled(bytes, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB"], 3)
}

/// A size in binary units with four digits: `23.54GiB`.
pub(super) fn binary(bytes: f64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"], 4)
}

fn scaled(mut value: f64, base: f64, units: &[&str], digits: i32) -> String {
    let mut unit = 0;
    while value >= base && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    format!("{}{}", significant(value, digits), units[unit])
}

/// `%.Ng` of C and Go.
fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let scientific = format!("{value:.*e}", digits as usize - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if exponent >= digits {
        return format!("{}e+{exponent:02}", trimmed(mantissa));
    }
    trimmed(&format!("{value:.*}", (digits - 1 - exponent) as usize))
}

/// A size as `-m` takes it: `32m`, `1.5g`, `512k`, bytes without a unit.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let lower = text.to_lowercase();
    let lower = lower.trim();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = lower.split_at(end.unwrap_or(lower.len()));
    let unit = unit.trim();
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Some((number * 1024f64.powi(power)) as u64)
}

/// A number of CPUs in billionths.
pub(super) fn nano_cpus(text: &str) -> Result<u64, String> {
    let wrong = || format!("failed to parse {text} as a rational number");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return Err(wrong());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return Err("value is too precise".into());
    }
    format!("{whole}{fraction:0<9}")
        .parse()
        .map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_docker_writes_them() {
        for (bytes, expected) in [
            (0.0, "0B"),
            (24.0, "24B"),
            (5_172_500.0, "5.17MB"),
            (12_570_000.0, "12.6MB"),
            (7_400_000.0, "7.4MB"),
            (999_900.0, "1e+03kB"),
            (1_000.0, "1kB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!(binary(25_279_000_576.0), "23.54GiB");
        assert_eq!(binary(0.0), "0B");
    }

    #[test]
    fn sizes_and_cpus_are_read_as_docker_reads_them() {
        for (text, expected) in [
            ("32m", Some(32 << 20)),
            ("1.5g", Some(3 << 29)),
            ("512KB", Some(512 << 10)),
            ("1MiB", Some(1 << 20)),
            ("4096", Some(4096)),
            ("xx", None),
            ("5q", None),
            ("", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
        assert_eq!(nano_cpus("0.5"), Ok(500_000_000));
        assert_eq!(nano_cpus("2"), Ok(2_000_000_000));
        assert_eq!(
            nano_cpus("xx"),
            Err("failed to parse xx as a rational number".into())
        );
        assert_eq!(
            nano_cpus("0.0000000001"),
            Err("value is too precise".into())
        );
    }
}
