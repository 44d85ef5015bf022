//! Tables in Markdown.

pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Table {
        let mut table = Table { rows: Vec::new() };
        table.row(head.map(str::to_owned));
        table.rows.push(vec!["---".into(); N]);
        table
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    pub(crate) fn print(&self, title: &str) {
        println!("\n{title}\n");
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}

/// Whether a pass mark was reached.
pub(crate) fn verdict(reached: bool) -> String {
    if reached { "met" } else { "**missed**" }.into()
}
