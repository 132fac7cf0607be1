//! The description of the API, generated from the code, and what is true of
//! every call added in one place: who may make it, what can go wrong, and the
//! headers it knows.

use serde_json::{Map, Value, json};
use utoipa::openapi::{InfoBuilder, License, OpenApi, OpenApiBuilder};

use super::{BASE, access, problem::CONTENT_TYPE};

const ABOUT: &str = "People approve or deny privileged-access requests by answering an e-mail. \
    Errors are RFC 9457 problem details; lists are newest first; times are RFC 3339 in UTC.";

/// What stands at the head of the description.
pub fn head() -> OpenApi {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    let info = InfoBuilder::new()
        .title("countersign")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license));
    OpenApiBuilder::new().info(info).build()
}

/// The description as it is served.
pub fn finish(described: OpenApi) -> String {
    let mut document = serde_json::to_value(described).unwrap_or_default();
    bound_integers(&mut document);
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                finish_operation(path, method, operation);
            }
        }
    }
    for choice in
        document["components"]["schemas"]["Quorum"]["oneOf"].as_array_mut().into_iter().flatten()
    {
        if choice["type"] == "object" {
            choice["additionalProperties"] = false.into();
        }
    }
    document["components"]["schemas"]["Problem"] = problem_schema();
    document["components"]["schemas"]["FieldProblem"] = field_problem_schema();
    document["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer", "description": "An API token."}
    });
    document["security"] = json!([{"token": []}]);
    document.to_string()
}

fn finish_operation(path: &str, method: &str, operation: &mut Value) {
    let short = path.strip_prefix(BASE).unwrap_or(path);
    let call = access::CALLS
        .iter()
        .find(|call| call.method.eq_ignore_ascii_case(method) && call.path == short);
    if let Some(call) = call {
        let roles: Vec<&str> = call.roles.iter().map(|role| role.as_str()).collect();
        let said = operation["description"].as_str().unwrap_or_default();
        let said = format!("{said}\n\nRoles: {}.", roles.join(", "));
        operation["description"] = said.trim_start().into();
    }
    let parameters = operation["parameters"].as_array_mut().map(std::mem::take);
    let mut parameters = parameters.unwrap_or_default();
    parameters.iter_mut().for_each(never_null);
    if method == "post" && short != "/tokens" {
        parameters.push(idempotency_key());
    }
    if method == "put" {
        parameters.push(if_match());
    }
    operation["parameters"] = parameters.into();
    let responses = operation["responses"].as_object_mut();
    let Some(responses) = responses else { return };
    for &(status, when) in problems_of(method) {
        responses.entry(status).or_insert_with(|| {
            json!({
                "description": when,
                "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            })
        });
    }
}

/// What can go wrong with a call, besides what the call itself says.
fn problems_of(method: &str) -> &'static [(&'static str, &'static str)] {
    const MALFORMED: (&str, &str) = ("400", "The call cannot be read");
    const UNAUTHORIZED: (&str, &str) = ("401", "No valid token");
    const FORBIDDEN: (&str, &str) = ("403", "The role may not do that");
    const NOT_FOUND: (&str, &str) = ("404", "There is no such thing");
    const NOT_ACCEPTABLE: (&str, &str) = ("406", "No such form can be given");
    const TIMEOUT: (&str, &str) = ("408", "The call took too long");
    const CONFLICT: (&str, &str) = ("409", "The state of things is against it");
    const PRECONDITION: (&str, &str) = ("412", "It was changed in between");
    const TOO_LARGE: (&str, &str) = ("413", "The body is too large");
    const MEDIA_TYPE: (&str, &str) = ("415", "The body is of another type");
    const INVALID: (&str, &str) = ("422", "Some fields are to be mended");
    const REQUIRED: (&str, &str) = ("428", "If-Match is needed");
    const INTERNAL: (&str, &str) = ("500", "Something is broken here");
    const UNAVAILABLE: (&str, &str) = ("503", "Try again later");
    match method {
        "get" => &[
            MALFORMED,
            UNAUTHORIZED,
            FORBIDDEN,
            NOT_FOUND,
            NOT_ACCEPTABLE,
            TIMEOUT,
            CONFLICT,
            INVALID,
            INTERNAL,
            UNAVAILABLE,
        ],
        "put" => &[
            MALFORMED,
            UNAUTHORIZED,
            FORBIDDEN,
            NOT_FOUND,
            TIMEOUT,
            CONFLICT,
            PRECONDITION,
            TOO_LARGE,
            MEDIA_TYPE,
            INVALID,
            REQUIRED,
            INTERNAL,
            UNAVAILABLE,
        ],
        "post" => &[
            MALFORMED,
            UNAUTHORIZED,
            FORBIDDEN,
            NOT_FOUND,
            TIMEOUT,
            CONFLICT,
            TOO_LARGE,
            MEDIA_TYPE,
            INVALID,
            INTERNAL,
            UNAVAILABLE,
        ],
        _ => &[
            MALFORMED,
            UNAUTHORIZED,
            FORBIDDEN,
            NOT_FOUND,
            TIMEOUT,
            CONFLICT,
            INTERNAL,
            UNAVAILABLE,
        ],
    }
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "The same key and body again within 24 hours: the same answer, done once.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,200}$"},
    })
}

fn if_match() -> Value {
    json!({
        "name": "If-Match", "in": "header", "required": true,
        "description": "The ETag that was read.",
        "schema": {"type": "string", "pattern": "^\"[0-9]{1,18}\"$"},
        "example": "\"1\"",
    })
}

/// A query holds text: what is left out is null, and nothing else is.
fn never_null(parameter: &mut Value) {
    let schema = &mut parameter["schema"];
    if let Some(kinds) = schema["type"].as_array() {
        let kind = kinds.iter().find(|kind| *kind != "null").cloned();
        schema["type"] = kind.unwrap_or_else(|| "string".into());
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let real: Vec<Value> =
            choices.iter().filter(|choice| choice["type"] != "null").cloned().collect();
        if let [only] = real.as_slice() {
            *schema = only.clone();
        }
    }
}

/// An integer is bounded by what holds it.
fn bound_integers(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let most = match fields.get("format").and_then(Value::as_str) {
                Some("int32") => i64::from(i32::MAX),
                Some("int64") => (1_i64 << 53) - 1,
                _ => 0,
            };
            if most > 0 && fields.contains_key("type") {
                fields.entry("maximum").or_insert_with(|| most.into());
                fields.entry("minimum").or_insert_with(|| (-most).into());
            }
            fields.values_mut().for_each(bound_integers);
        }
        Value::Array(items) => items.iter_mut().for_each(bound_integers),
        _ => {}
    }
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457 problem details.",
        "required": ["type", "title", "status", "detail"],
        "additionalProperties": false,
        "properties": {
            "type": {"type": "string", "pattern": "^urn:countersign:problem:[a-z_]+$"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldProblem"}},
            "reason": {"type": "string"},
        },
    })
}

fn field_problem_schema() -> Value {
    json!({
        "type": "object",
        "required": ["field", "problem"],
        "properties": {"field": {"type": "string"}, "problem": {"type": "string"}},
    })
}

/// The schema of what comes back, where that is a form and more: the same
/// properties, all of them there, and the further ones.
pub fn extended<F: utoipa::PartialSchema>(
    further: utoipa::openapi::schema::Object,
) -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
    use utoipa::openapi::{RefOr, schema::Schema};
    let mut object = match F::schema() {
        RefOr::T(Schema::Object(object)) => object,
        _ => utoipa::openapi::schema::Object::new(),
    };
    object.additional_properties = None;
    for (name, schema) in further.properties {
        object.properties.insert(name, schema);
    }
    object.required = object.properties.keys().cloned().collect();
    RefOr::T(Schema::Object(object))
}

/// For tests: every path and method of the description.
pub fn operations(document: &Map<String, Value>) -> Vec<(String, String)> {
    let paths = document.get("paths").and_then(Value::as_object);
    let mut found = Vec::new();
    for (path, item) in paths.into_iter().flatten() {
        for method in item.as_object().into_iter().flatten().map(|(method, _)| method) {
            found.push((method.to_uppercase(), path.clone()));
        }
    }
    found
}
