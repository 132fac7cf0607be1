//! Lists: pages of JSON, or the whole of it as CSV or NDJSON, read and sent
//! page by page, so that an export of any length costs the memory of one page.

use std::future::Future;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::Serialize;
use serde_json::Value;

use super::problem::{Code, Problem};
use crate::{
    actions::ActionError,
    store::{Listed, PAGE_LIMIT_MAX, Page},
};

/// Items of a page where the caller does not say.
const LIMIT: i64 = 50;
/// Rows read at a time for an export.
const EXPORT_PAGE: i64 = 500;

/// A page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Paged<T> {
    /// Newest first.
    pub items: Vec<T>,
    /// For `cursor`, to get what comes after; null: this was all.
    pub next_cursor: Option<String>,
}

/// The form a list is given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListForm {
    Json,
    Csv,
    Ndjson,
}

impl<S: Send + Sync> FromRequestParts<S> for ListForm {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        form(&parts.headers).ok_or_else(|| {
            Problem::new(
                Code::NotAcceptable,
                "a list is given as application/json, text/csv or application/x-ndjson",
            )
        })
    }
}

/// The best of what `Accept` names (RFC 9110 §12.5.1); of equals the first.
fn form(headers: &HeaderMap) -> Option<ListForm> {
    let mut best: Option<(f32, ListForm)> = None;
    let mut has_any = false;
    for range in headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for item in range.split(',').filter(|item| !item.trim().is_empty()) {
            has_any = true;
            let mut parts = item.split(';').map(str::trim);
            let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/json" | "application/*" | "*/*" => ListForm::Json,
                "text/csv" | "text/*" => ListForm::Csv,
                "application/x-ndjson" => ListForm::Ndjson,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
            let weight: f32 = weight.unwrap_or(1.0);
            if weight > best.map_or(0.0, |(known, _)| known) {
                best = Some((weight, form));
            }
        }
    }
    if has_any { best.map(|(_, form)| form) } else { Some(ListForm::Json) }
}

/// The page a query asks for.
pub fn page(limit: Option<i64>, cursor: Option<String>) -> Result<Page, Problem> {
    if limit.is_some_and(|limit| !(1..=PAGE_LIMIT_MAX).contains(&limit)) {
        let problem = format!("must be from 1 to {PAGE_LIMIT_MAX}");
        return Err(Problem::malformed("limit", &problem));
    }
    Ok(Page { limit: limit.unwrap_or(LIMIT), cursor })
}

/// Pages of a list that is short enough to be read whole.
pub fn cut<T>(
    items: Vec<T>,
    page: &Page,
    id: impl Fn(&T) -> uuid::Uuid,
) -> Result<Listed<T>, ActionError> {
    let start = match &page.cursor {
        None => 0,
        Some(cursor) => {
            let last: uuid::Uuid = cursor
                .parse()
                .map_err(|_| ActionError::Store(crate::store::StoreError::BadCursor))?;
            // Ids grow with time: what is smaller is older.
            items.iter().position(|item| id(item) < last).unwrap_or(items.len())
        }
    };
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut rest: Vec<T> = items.into_iter().skip(start).collect();
    let has_more = rest.len() > limit;
    rest.truncate(limit);
    let next_cursor = rest.last().filter(|_| has_more).map(|last| id(last).to_string());
    Ok(Listed { items: rest, next_cursor })
}

/// Answers with the page, or with everything from it on. `columns` are those
/// of the CSV form.
pub async fn answer<T, F, R>(
    form: ListForm,
    page: Page,
    limit_is_given: bool,
    columns: &'static [&'static str],
    fetch: F,
) -> Result<Response, Problem>
where
    T: Serialize + Send + 'static,
    F: Fn(Page) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Listed<T>, ActionError>> + Send + 'static,
{
    if form == ListForm::Json {
        let Listed { items, next_cursor } = fetch(page).await?;
        return Ok(Json(Paged { items, next_cursor }).into_response());
    }
    // The first page before the headers: what is wrong is still told in full.
    let left = limit_is_given.then_some(page.limit);
    let limit = left.unwrap_or(EXPORT_PAGE).min(EXPORT_PAGE);
    let first = fetch(Page { limit, ..page }).await?;
    let state = Some((Some(first), left, true));
    let body = stream::try_unfold((state, fetch), move |(state, fetch)| async move {
        let Some((page, left, is_first)) = state else { return Ok(None) };
        let Some(page) = page else { return Ok::<_, ActionError>(None) };
        let bytes = render(form, columns, &page.items, is_first);
        let left = left.map(|left| left - page.items.len() as i64);
        let next = match page.next_cursor {
            Some(cursor) if left.is_none_or(|left| left > 0) => {
                let limit = left.unwrap_or(EXPORT_PAGE).min(EXPORT_PAGE);
                Some(fetch(Page { limit, cursor: Some(cursor) }).await.inspect_err(|error| {
                    // The transfer breaks off, so nobody takes it for the whole.
                    tracing::error!("an export broke off: {error}");
                })?)
            }
            _ => None,
        };
        let state = next.map(|next| (Some(next), left, false));
        Ok(Some((bytes, (state, fetch))))
    });
    let kind = match form {
        ListForm::Csv => "text/csv; charset=utf-8",
        _ => "application/x-ndjson",
    };
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(body)).into_response())
}

fn render<T: Serialize>(
    form: ListForm,
    columns: &'static [&'static str],
    items: &[T],
    with_head: bool,
) -> Bytes {
    if form == ListForm::Ndjson {
        let mut text = Vec::new();
        for item in items {
            text.extend(serde_json::to_vec(item).unwrap_or_default());
            text.push(b'\n');
        }
        return text.into();
    }
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(vec![]);
    // Writing to memory cannot fail, and the records are all as wide as the head.
    if with_head {
        let _ = writer.write_record(columns);
    }
    for item in items {
        let value = serde_json::to_value(item).unwrap_or_default();
        let _ = writer.write_record(columns.iter().map(|column| cell(&value[*column])));
    }
    writer.into_inner().unwrap_or_default().into()
}

/// A value as a cell. A spreadsheet takes what begins like a formula for one,
/// whoever wrote it, so such a cell begins with an apostrophe.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => return value.to_string(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    if text.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]) {
        return format!("'{text}");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_best_form_that_is_accepted_is_given() {
        let check = |accept: &[&str], expected: Option<ListForm>| {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(header::ACCEPT, value.parse().unwrap());
            }
            assert_eq!(form(&headers), expected, "{accept:?}");
        };
        check(&[], Some(ListForm::Json));
        check(&["*/*"], Some(ListForm::Json));
        check(&["text/csv"], Some(ListForm::Csv));
        check(&["text/csv;q=0.5, application/x-ndjson"], Some(ListForm::Ndjson));
        check(&["text/html", "text/csv;q=0.1"], Some(ListForm::Csv));
        check(&["text/html"], None);
        check(&["application/json;q=0"], None);
    }

    #[test]
    fn a_formula_is_no_formula_any_more() {
        for (value, expected) in [
            (json!("=1+1"), "'=1+1"),
            (json!("+49"), "'+49"),
            (json!("-x"), "'-x"),
            (json!("@SUM(A1)"), "'@SUM(A1)"),
            (json!("\t=1"), "'\t=1"),
            (json!("a=1"), "a=1"),
            (json!(-5), "-5"),
            (json!(null), ""),
            (json!(["=1"]), "[\"=1\"]"),
        ] {
            assert_eq!(cell(&value), expected);
        }
    }

    #[test]
    fn a_short_list_is_cut_by_id() {
        let items: Vec<uuid::Uuid> = [5, 4, 3, 2, 1].map(uuid::Uuid::from_u128).into();
        let mut seen = Vec::new();
        let mut page = Page { limit: 2, cursor: None };
        loop {
            let listed = cut(items.clone(), &page, |id| *id).unwrap();
            seen.extend(listed.items);
            match listed.next_cursor {
                Some(cursor) => page.cursor = Some(cursor),
                None => break,
            }
        }
        assert_eq!(seen, items);
        assert!(cut(items, &Page { limit: 2, cursor: Some("x".into()) }, |id| *id).is_err());
    }
}
