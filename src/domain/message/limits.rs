//! How much of a mail is read: what is larger is hostile or broken, and never
//! decides.

/// How much of a mail is read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub size_bytes_max: usize,
    /// Multiparts inside each other.
    pub nesting_max: usize,
    pub parts_max: usize,
    /// Per header block, folded lines counted.
    pub header_lines_max: usize,
    /// Per field.
    pub header_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size_bytes_max: 25 * 1024 * 1024,
            nesting_max: 20,
            parts_max: 200,
            header_lines_max: 1000,
            header_bytes_max: 65_536,
        }
    }
}
