//! Axes, numbers, and what a reader of a plot has to find in it.
use super::*;

fn point(at: f64, median: f64) -> Point {
    Point { at, median, least: median * 0.9, most: median * 1.1 }
}

fn plot(points: Vec<Point>) -> Plot<'static> {
    let series = |second| Series { name: format!("B & {second}"), second, dashed: second, points: points.clone() };
    Plot { title: "a < b", note: "", across: "records/s", up: "ms", series: vec![series(false), series(true)] }
}

#[test]
fn an_axis_begins_and_ends_at_round_numbers() {
    let axis = |values: &[f64]| Axis::over(values.iter().copied());
    assert_eq!(axis(&[3.0, 1400.0, 40.0]), Axis { least: 2.0, most: 2000.0 });
    assert_eq!(axis(&[1.0, 10_000.0]), Axis { least: 1.0, most: 10_000.0 });
    assert_eq!(axis(&[0.4, 0.45]), Axis { least: 0.2, most: 0.5 });
    assert_eq!(axis(&[100.0]), Axis { least: 100.0, most: 1000.0 }, "a single place has room, too");
    let axis = Axis { least: 1.0, most: 10_000.0 };
    assert_eq!([1.0, 100.0, 10_000.0].map(|value| axis.share(value)), [0.0, 0.5, 1.0]);
    assert_eq!(axis.ticks().into_iter().map(number).collect::<Vec<_>>(), ["1", "10", "100", "1,000", "10,000"]);
    let few: Vec<String> = Axis { least: 0.2, most: 5.0 }.ticks().into_iter().map(number).collect();
    assert_eq!(few, ["0.2", "0.5", "1", "2", "5"]);
}

#[test]
fn numbers_have_commas_and_the_digits_they_need() {
    let text = [0.002, 0.05, 1.0, 20.0, 500.0, 1e4, 1e6].map(number);
    assert_eq!(text, ["0.002", "0.05", "1", "20", "500", "10,000", "1,000,000"]);
}

#[test]
fn a_plot_shows_every_sound_point_its_units_and_both_schemes() {
    let nan = Point { median: f64::NAN, ..point(5.0, 1.0) };
    let text = svg(&plot(vec![point(1.0, 2.0), nan, point(100.0, 30.0)])).unwrap();
    for wanted in
        ["a &lt; b</text>", ">records/s</text>", ">ms</text>", ">B &amp; true</text>", "prefers-color-scheme:dark"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    // One of each in the legend.
    assert_eq!((text.matches("<circle").count(), text.matches("<rect class=\"mark").count()), (3, 3));
    for tag in ["text", "svg", "title", "style", "circle"] {
        let opened = text.matches(&format!("<{tag} ")).count() + text.matches(&format!("<{tag}>")).count();
        assert_eq!(opened, text.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn larger_is_further_right_and_further_up() {
    let text = svg(&plot(vec![point(1.0, 2.0), point(10.0, 20.0)])).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("<path class=\"line a\" d=\"M")?.strip_suffix("\"/>"));
    let numbers: Vec<f64> = line.unwrap().split(['L', ' ']).map(|number| number.parse().unwrap()).collect();
    assert!(numbers[2] > numbers[0] && numbers[3] < numbers[1], "{numbers:?}");
}

#[test]
fn nothing_measured_is_no_plot() {
    assert!(svg(&plot(Vec::new())).is_none());
    assert!(svg(&plot(vec![Point { least: 0.0, ..point(1.0, 1.0) }])).is_none());
}
