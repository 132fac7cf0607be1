//! What a call carries, read strictly: a body of known fields, a query of
//! known parameters, an id, and the version that is to be changed.

use axum::{
    body::{Body as RawBody, Bytes, HttpBody, to_bytes},
    extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request},
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::problem::{Code, Problem};

/// Octets of a JSON body; the largest honest one is a request with a hundred
/// approvers.
pub const BODY_MAX: usize = 1 << 20;

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(Problem::new(
                Code::UnsupportedMediaType,
                "send the body as `Content-Type: application/json`",
            ));
        }
        parse(&octets(body).await?).map(Self)
    }
}

/// The whole body, if it keeps to the limit.
pub async fn octets(body: RawBody) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Code::TooLarge, format!("a body is at most {BODY_MAX} octets"));
    // An announced size is refused before it is read.
    if body.size_hint().lower() > BODY_MAX as u64 {
        return Err(too_large());
    }
    to_bytes(body, BODY_MAX).await.map_err(|error| {
        let text = error.to_string();
        if text.contains("limit") {
            too_large()
        } else {
            Problem::malformed("", "the body broke off")
        }
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else {
        return false;
    };
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// What cannot be read names the place: a JSON pointer (RFC 6901).
fn parse<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(octets);
    let read = serde_path_to_error::deserialize(&mut reader);
    let value = match read {
        Ok(value) => value,
        // To JSON, 5.0 is an integer too (JSON Schema 2020-12 §6.1.1).
        Err(error) if error.inner().to_string().contains("floating point") => {
            let mut loose: Value =
                serde_json::from_slice(octets).map_err(|_| problem_of(&error))?;
            make_whole(&mut loose);
            return serde_path_to_error::deserialize(loose).map_err(|error| problem_of(&error));
        }
        Err(error) => return Err(problem_of(&error)),
    };
    reader.end().map_err(|error| Problem::malformed("", &error.to_string()))?;
    Ok(value)
}

fn problem_of(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let escaped = |text: String| text.replace('~', "~0").replace('/', "~1");
    let path = error.path().iter().map(|segment| match segment {
        Segment::Seq { index } => index.to_string(),
        other => escaped(other.to_string()),
    });
    let pointer: String = path.filter(|segment| segment != "?").map(|s| format!("/{s}")).collect();
    Problem::malformed(&pointer, &error.inner().to_string())
}

/// Numbers without a fraction become integers. No deeper than the parser goes,
/// which is 128.
fn make_whole(value: &mut Value) {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() <= EXACT);
            if let (true, Some(whole)) = (number.is_f64(), whole) {
                *value = Value::from(whole as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        _ => {}
    }
}

/// The query's parameters; unknown ones and doubled ones are refused.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(read)| Self(read)).map_err(|refused| {
            let text = refused.body_text();
            let text = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest);
            match text.split_once(": ") {
                Some((name, problem))
                    if name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') =>
                {
                    Problem::malformed(name, problem)
                }
                _ => Problem::malformed("", text),
            }
        })
    }
}

/// The ids of the path, in order. What is no id names nothing: not found.
pub struct Id<T>(pub T);

impl<T: std::str::FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        path_param(parts, state, "id").await.map(Self)
    }
}

/// The approver's id behind the request's.
pub struct ApproverPath<T>(pub T);

impl<T: std::str::FromStr, S: Send + Sync> FromRequestParts<S> for ApproverPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        path_param(parts, state, "aid").await.map(Self)
    }
}

async fn path_param<T: std::str::FromStr, S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
) -> Result<T, Problem> {
    let nothing = || Problem::new(Code::NotFound, "nothing has this id");
    let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| nothing())?;
    let found = params.iter().find(|(key, _)| *key == name).and_then(|(_, id)| id.parse().ok());
    found.ok_or_else(nothing)
}

/// The version that the caller saw, from `If-Match`.
pub struct IfMatch(i64);

impl IfMatch {
    /// Refuses a change of anything but the version that was seen.
    pub fn check(&self, version: i64) -> Result<(), Problem> {
        if self.0 == version {
            return Ok(());
        }
        let detail = format!("its ETag is \"{version}\" by now; read it again");
        Err(Problem::new(Code::PreconditionFailed, detail))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(given) = parts.headers.get(header::IF_MATCH) else {
            return Err(Problem::new(
                Code::PreconditionRequired,
                "send `If-Match` with the ETag you read, so that nobody's change is lost",
            ));
        };
        let version = given
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix('"')?.strip_suffix('"'))
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok());
        version.map(Self).ok_or_else(|| {
            Problem::malformed("If-Match", "must be one ETag as we gave it, such as \"3\"")
        })
    }
}

/// The ETag of a version.
pub fn etag(version: i64) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        names: Vec<u8>,
    }

    #[test]
    fn what_cannot_be_read_names_its_place() {
        let check = |text: &str, expected: Result<usize, &str>| {
            let read = parse::<Sample>(text.as_bytes());
            let field = read.map(|read| read.names.len()).map_err(|p| p.errors[0].field.clone());
            assert_eq!(field, expected.map_err(str::to_owned), "{text}");
        };
        check(r#"{"names": [1, 2]}"#, Ok(2));
        check(r#"{"names": [1.0, 2e0]}"#, Ok(2));
        check(r#"{"names": [1.0, 2.5]}"#, Err("/names/1"));
        check(r#"{"names": [1, "x"]}"#, Err("/names/1"));
        check(r#"{"names": [], "more": 1}"#, Err("/more"));
        check("{", Err(""));
        check(r#"{"names": []} x"#, Err(""));
        check("", Err(""));
    }
}
