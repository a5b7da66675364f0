//! One plot as SVG: both axes logarithmic, a line for each series, readable on a light and on a dark page.
use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 58.0;
/// Colours are told apart by eyes that see no red or green, and by the marks. The ground is the plot's own: a page may be of another mind.
const STYLE: &str = "text{font:13px sans-serif;fill:#1f2328}.title{font-size:16px;font-weight:600}.end{text-anchor:end}.middle{text-anchor:middle}\
.ground{fill:#ffffff}.grid{stroke:#d8dee4}.frame{stroke:#57606a;fill:none}.line{fill:none;stroke-width:2}.dashed{stroke-dasharray:7 4}\
.a{stroke:#b3480a}.mark.a{fill:#b3480a}.b{stroke:#1a62c5}.mark.b{fill:#1a62c5}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}.grid{stroke:#30363d}.frame{stroke:#8b949e}\
.a{stroke:#f0883e}.mark.a{fill:#f0883e}.b{stroke:#79c0ff}.mark.b{fill:#79c0ff}}";

/// A measured place: the median of all rounds, and their extremes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    pub at: f64,
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

pub struct Series {
    pub name: String,
    /// Of two colours the second.
    pub second: bool,
    pub dashed: bool,
    pub points: Vec<Point>,
}

pub struct Plot<'a> {
    pub title: &'a str,
    /// How it was measured, in a line that is as long as the plot is wide.
    pub note: &'a str,
    /// What lies across, with its unit, and what goes up.
    pub across: &'a str,
    pub up: &'a str,
    pub series: Vec<Series>,
}

/// From one of 1, 2, 5, 10, 20 and so on to another.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Axis {
    least: f64,
    most: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64> + Clone) -> Axis {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(least, f64::max);
        let steps = steps(least, most);
        let below = steps.iter().rfind(|step| **step <= least * 1.0001);
        let above = steps.iter().find(|step| **step >= most * 0.9999);
        let (least, most) = (below.copied().unwrap_or(1.0), above.copied().unwrap_or(10.0));
        Axis { least, most: if most > least { most } else { least * 10.0 } }
    }

    /// From 0 to 1.
    fn share(self, value: f64) -> f64 {
        (value / self.least).log10() / (self.most / self.least).log10()
    }

    /// Powers of ten, and where these are few, 2 and 5 of each, too.
    fn ticks(self) -> Vec<f64> {
        let decades = (self.most / self.least).log10();
        let power = |value: f64| (value.log10() - value.log10().round()).abs() < 1e-6;
        let within = |value: &f64| *value >= self.least * 0.9999 && *value <= self.most * 1.0001;
        steps(self.least, self.most).into_iter().filter(within).filter(|value| decades < 2.5 || power(*value)).collect()
    }
}

/// 1, 2 and 5 of every power of ten around both.
fn steps(least: f64, most: f64) -> Vec<f64> {
    let powers = least.log10().floor() as i32 - 1..=most.log10().ceil() as i32 + 1;
    powers.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power))).collect()
}

/// With commas, or with as many digits behind the point as it needs.
fn number(value: f64) -> String {
    if value < 0.999 {
        let digits = (-value.log10().floor()) as usize;
        return format!("{value:.digits$}");
    }
    let plain = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// None where there is nothing to be seen.
pub fn svg(plot: &Plot<'_>) -> Option<String> {
    let sound =
        |point: &&Point| point.at > 0.0 && point.least > 0.0 && point.median.is_finite() && point.most.is_finite();
    let all: Vec<&Point> = plot.series.iter().flat_map(|series| series.points.iter().filter(sound)).collect();
    if all.is_empty() {
        return None;
    }
    let across = Axis::over(all.iter().map(|point| point.at));
    let up = Axis::over(all.iter().flat_map(|point| [point.least, point.most]));
    let x = |value: f64| LEFT + across.share(value) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - up.share(value) * (HEIGHT - TOP - BOTTOM);
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\n\
        <title>{title}</title>\n<style>{STYLE}</style>\n<rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
        <text class=\"title\" x=\"{LEFT}\" y=\"24\">{title}</text>\n<text x=\"{LEFT}\" y=\"44\">{note}</text>\n",
        title = escaped(plot.title),
        note = escaped(plot.note),
    );
    let mut put = |line: String| _ = writeln!(text, "{line}");
    for tick in across.ticks() {
        let x = x(tick);
        put(format!("<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>"));
        put(format!("<text class=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>", bottom + 19.0, number(tick)));
    }
    for tick in up.ticks() {
        let y = y(tick);
        put(format!("<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>"));
        put(format!("<text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", LEFT - 8.0, y + 4.5, number(tick)));
    }
    put(format!("<path class=\"frame\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>"));
    let centre = (LEFT + right) / 2.0;
    put(format!("<text class=\"middle\" x=\"{centre}\" y=\"{}\">{}</text>", HEIGHT - 14.0, escaped(plot.across)));
    let centre = (TOP + bottom) / 2.0;
    put(format!("<text class=\"middle\" transform=\"translate(20 {centre}) rotate(-90)\">{}</text>", escaped(plot.up)));
    for (index, series) in plot.series.iter().enumerate() {
        let (class, dashed) = (if series.second { "b" } else { "a" }, if series.dashed { " dashed" } else { "" });
        let legend = LEFT + index as f64 * (WIDTH - LEFT) / plot.series.len().max(3) as f64;
        put(format!(
            "<path class=\"line {class}{dashed}\" d=\"M{legend:.1} 64h28\"/>{}",
            mark(class, legend + 14.0, 64.0, "")
        ));
        put(format!("<text x=\"{:.1}\" y=\"68.5\">{}</text>", legend + 34.0, escaped(&series.name)));
        let points: Vec<&Point> = series.points.iter().filter(sound).collect();
        let path: Vec<String> =
            points.iter().map(|point| format!("{:.1} {:.1}", x(point.at), y(point.median))).collect();
        put(format!("<path class=\"line {class}{dashed}\" d=\"M{}\"/>", path.join("L")));
        for point in points {
            let (x, exact) = (x(point.at), format!("{}: {} at {}", series.name, shown(point.median), shown(point.at)));
            put(format!("<path class=\"{class}\" d=\"M{x:.1} {:.1}V{:.1}\"/>", y(point.least), y(point.most)));
            put(mark(class, x, y(point.median), &exact));
        }
    }
    Some(text + "</svg>\n")
}

fn shown(value: f64) -> String {
    if value >= 100.0 { number(value) } else { format!("{value:.3}") }
}

/// A circle for the first colour, a square for the second, with what is told on touch.
fn mark(class: &str, x: f64, y: f64, told: &str) -> String {
    let told = escaped(told);
    match class {
        "a" => format!("<circle class=\"mark a\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{told}</title></circle>"),
        _ => format!(
            "<rect class=\"mark b\" x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\"><title>{told}</title></rect>",
            x - 4.0,
            y - 4.0
        ),
    }
}

#[cfg(test)]
mod tests;
