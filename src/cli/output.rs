//! What goes to stdout: data only, as text for people or JSON for programs.
use super::CliError;
use crate::platform::say;
use std::io::{BufWriter, IsTerminal, StdoutLock, Write};

/// Standard output with what the global flags say about it.
pub struct Output {
    out: BufWriter<StdoutLock<'static>>,
    pub json: bool,
    pub quiet: bool,
}

impl Output {
    const BUFFER_BYTES: usize = 64 * 1024;

    pub fn new(json: bool, quiet: bool) -> Output {
        Output { out: BufWriter::with_capacity(Self::BUFFER_BYTES, std::io::stdout().lock()), json, quiet }
    }

    pub fn bytes(&mut self) -> &mut impl Write {
        &mut self.out
    }

    pub fn line(&mut self, text: &str) -> Result<(), CliError> {
        Ok(writeln!(self.out, "{text}")?)
    }

    pub fn json(&mut self, value: &serde_json::Value) -> Result<(), CliError> {
        self.line(&value.to_string())
    }

    /// Columns as wide as their widest cell; the last one is not padded.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>]) -> Result<(), CliError> {
        let text = table(head, rows);
        Ok(self.out.write_all(text.as_bytes())?)
    }

    pub fn flush(&mut self) -> Result<(), CliError> {
        Ok(self.out.flush()?)
    }

    /// A remark for people, on stderr; not with `--quiet`.
    pub fn remark(&self, text: &str) {
        if !self.quiet {
            say(text);
        }
    }

    /// Whether a moving progress line would be seen by someone and disturb nothing.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }
}

pub fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        assert_eq!(row.len(), head.len(), "a table's rows have its columns");
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let mut put = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (cell, width) in cells.zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    put(&mut head.iter().copied());
    for row in rows {
        put(&mut row.iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".into(), "1".into()], vec!["longer".into(), "22".into()]];
        assert_eq!(table(&["NAME", "N"], &rows), "NAME    N\na       1\nlonger  22\n");
    }
}
