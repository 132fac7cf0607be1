//! Who is calling, and whether he may.

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::Response,
};

use super::{
    access::{self, Role},
    problem::{Code, Problem},
};
use crate::{
    actions::{Instance, api_tokens},
    domain::ids::{ApiTokenId, PersonId},
};

/// A caller whose token counts and whose role may make this call.
#[derive(Debug, Clone)]
pub struct Caller {
    pub token: ApiTokenId,
    pub role: Role,
    /// Whom an approver's token speaks for.
    pub person: Option<PersonId>,
}

impl Caller {
    /// Only what this token submitted is shown to it; none: no such bound.
    pub fn own_submissions(&self) -> Option<ApiTokenId> {
        (self.role == Role::Requester).then_some(self.token)
    }

    /// Only what this person stands in is shown to him; none: no such bound.
    pub fn own_person(&self) -> Result<Option<PersonId>, Problem> {
        match (self.role, self.person) {
            (Role::Approver, Some(person)) => Ok(Some(person)),
            (Role::Approver, None) => {
                Err(Problem::new(Code::Forbidden, "this approver's token speaks for nobody"))
            }
            _ => Ok(None),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unauthorized)
    }
}

/// Lets a call pass whose caller is known and may make it.
pub async fn admit(
    State(instance): State<Instance>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let shown = bearer(request.headers()).ok_or_else(unauthorized)?;
    let token = api_tokens::find_valid(&instance, shown).await?.ok_or_else(unauthorized)?;
    let role: Role = token.role.parse().map_err(|_| unauthorized())?;
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let call = route.and_then(|route| access::find(request.method(), route));
    if !call.is_some_and(|call| call.roles.contains(&role)) {
        let detail = format!("the role `{role}` may not make this call");
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let caller = Caller { token: token.id, role, person: token.person_id };
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// What stands behind `Bearer` (RFC 6750 §2.1), in the only header of its name.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (only, None) = (all.next()?, all.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

fn unauthorized() -> Problem {
    Problem::new(
        Code::Unauthorized,
        "send `Authorization: Bearer` with a token that is neither expired nor revoked",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_bearer_counts() {
        let check = |values: &[&str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(bearer(&headers), expected, "{values:?}");
        };
        check(&["Bearer abc"], Some("abc"));
        check(&["bearer  abc "], Some("abc"));
        check(&["Basic abc"], None);
        check(&["Bearer"], None);
        check(&["Bearer "], None);
        check(&["Bearer a", "Bearer b"], None);
        check(&[], None);
    }
}
