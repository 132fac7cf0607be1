//! The words of each language, one file each. To add one: copy `en.rs`,
//! translate, name it here and in `language::Language`.

pub mod en;
pub mod es;
pub mod pt;
