//! `Idempotency-Key`: a POST that comes again is answered again, not done
//! again.
//!
//! The key is reserved before the call is made and holds its answer after it.
//! A reservation whose call never came to an end (the process was killed) is
//! not quietly made again: whether it happened is not known, and the caller is
//! told to look.

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    caller::{Caller, bearer},
    extract::octets,
    problem::{Code, Problem},
};
use crate::{
    actions::Instance,
    store::{
        StoreError,
        idempotency_keys::{self, IdempotencyKey},
    },
};

const HEADER: &str = "idempotency-key";
const KEY_OCTETS_MAX: usize = 200;
/// How long an answer is kept.
const KEPT_FOR: TimeDelta = TimeDelta::hours(24);
/// No call takes this long; after it, its outcome is not known.
const UNDER_WAY_MAX: TimeDelta = TimeDelta::minutes(15);
/// Its answer holds a secret, which is not kept anywhere; the token's name is
/// unique, so that the call cannot be made twice anyway.
const NOT_KEPT: &str = "/api/v1/tokens";

/// Answers a repeated POST from what was kept.
pub async fn keep(
    State(instance): State<Instance>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let caller = request.extensions().get::<Caller>().cloned();
    let applies = request.method() == Method::POST && route != Some(NOT_KEPT);
    let (true, Some(caller), Some(key)) = (applies, caller, key(request.headers())?) else {
        return Ok(next.run(request).await);
    };
    let (parts, body) = request.into_parts();
    let octets = octets(body).await?;
    let reserved = IdempotencyKey {
        api_token_id: caller.token,
        key,
        method_path: format!("{} {}", parts.method, parts.uri.path()),
        body_hash: fingerprint(&parts.headers, &octets),
        status: 0,
        response: Value::Null,
        created_at: instance.clock.now(),
    };
    if let Some(earlier) = reserve(&instance, &reserved).await? {
        return answer_again(&instance, &earlier, &reserved);
    }
    let response = next.run(Request::from_parts(parts, Body::from(octets))).await;
    record(&instance, &reserved, response).await
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(given) = headers.get(HEADER) else { return Ok(None) };
    let text = given.to_str().unwrap_or_default();
    let fits = (1..=KEY_OCTETS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b));
    if !fits || headers.get_all(HEADER).iter().count() > 1 {
        return Err(Problem::malformed(
            "Idempotency-Key",
            "must be 1 to 200 letters, digits or - . _ :",
        ));
    }
    Ok(Some(text.to_owned()))
}

/// Of the body, salted with the caller's token: a body may hold a password,
/// and a plain hash of it could be guessed back.
fn fingerprint(headers: &HeaderMap, octets: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(bearer(headers).unwrap_or_default());
    hash.update([0]);
    hash.update(octets);
    hash.finalize().into()
}

/// Takes the key, or gives what is there under it.
async fn reserve(
    instance: &Instance,
    wanted: &IdempotencyKey,
) -> Result<Option<IdempotencyKey>, Problem> {
    let mut tx = instance.store.begin().await?;
    idempotency_keys::remove_older_than(&mut tx, wanted.created_at - KEPT_FOR).await?;
    if let Some(earlier) = idempotency_keys::find(&mut tx, wanted.api_token_id, &wanted.key).await?
    {
        return Ok(Some(earlier));
    }
    match idempotency_keys::add(&mut tx, wanted).await {
        Ok(()) => {}
        Err(StoreError::Taken { .. }) => return Err(in_progress()),
        Err(error) => return Err(error.into()),
    }
    tx.commit().await?;
    Ok(None)
}

fn in_progress() -> Problem {
    Problem::new(Code::IdempotencyInProgress, "ask again in a few seconds")
}

fn answer_again(
    instance: &Instance,
    earlier: &IdempotencyKey,
    now: &IdempotencyKey,
) -> Result<Response, Problem> {
    if (&earlier.method_path, earlier.body_hash) != (&now.method_path, now.body_hash) {
        return Err(Problem::new(
            Code::IdempotencyKeyReused,
            format!("this key stands for another `{}`; take a fresh one", earlier.method_path),
        ));
    }
    if earlier.status == 0 {
        let age = instance.clock.now() - earlier.created_at;
        return Err(if age < UNDER_WAY_MAX {
            in_progress()
        } else {
            Problem::new(
                Code::IdempotencyUnknown,
                "the first call never came to an end; look whether it happened, then call with a fresh key",
            )
        });
    }
    let status = u16::try_from(earlier.status).ok().and_then(|s| StatusCode::from_u16(s).ok());
    let status = status.unwrap_or(StatusCode::OK);
    let mut response = match &earlier.response["body"] {
        Value::Null => status.into_response(),
        body => (status, axum::Json(body)).into_response(),
    };
    for name in [header::LOCATION, header::ETAG] {
        let kept = earlier.response[name.as_str()].as_str();
        if let Some(value) = kept.and_then(|kept| HeaderValue::from_str(kept).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

/// Keeps a success; after a refusal nothing happened, and the key is free
/// again. An error of ours leaves it reserved: what happened is not known.
async fn record(
    instance: &Instance,
    reserved: &IdempotencyKey,
    response: Response,
) -> Result<Response, Problem> {
    let status = response.status();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let octets = octets(body).await?;
    let mut tx = instance.store.begin().await?;
    if status.is_success() {
        let text = |name: header::HeaderName| {
            parts.headers.get(name).and_then(|value| value.to_str().ok().map(str::to_owned))
        };
        let kept = json!({
            "body": serde_json::from_slice::<Value>(&octets).unwrap_or(Value::Null),
            "location": text(header::LOCATION), "etag": text(header::ETAG),
        });
        let status = i64::from(status.as_u16());
        let (token, key) = (reserved.api_token_id, &reserved.key);
        idempotency_keys::answer(&mut tx, token, key, status, &kept).await?;
    } else {
        idempotency_keys::remove(&mut tx, reserved.api_token_id, &reserved.key).await?;
    }
    tx.commit().await?;
    Ok(Response::from_parts(parts, Body::from(octets)))
}
