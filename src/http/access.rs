//! Who may call what: one table, which the router asks and a test walks.
//! What is not in it, nobody may.

use axum::http::Method;

pub use crate::actions::api_tokens::Role;
use Role::{Admin, Approver, Auditor, Requester};

/// One call and the roles that may make it.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub method: &'static str,
    /// Below `/api/v1`, as the router spells it.
    pub path: &'static str,
    pub roles: &'static [Role],
}

const fn call(method: &'static str, path: &'static str, roles: &'static [Role]) -> Call {
    Call { method, path, roles }
}

const READERS: &[Role] = &[Admin, Auditor];
const ADMIN: &[Role] = &[Admin];
/// Those who see their own only are held to that by the call itself.
const ALL: &[Role] = &[Admin, Auditor, Requester, Approver];

/// The table.
pub const CALLS: &[Call] = &[
    call("GET", "/credentials", READERS),
    call("POST", "/credentials", ADMIN),
    call("GET", "/credentials/{id}", READERS),
    call("PUT", "/credentials/{id}", ADMIN),
    call("DELETE", "/credentials/{id}", ADMIN),
    call("GET", "/credentials/{id}/users", READERS),
    call("GET", "/smtp-accounts", READERS),
    call("POST", "/smtp-accounts", ADMIN),
    call("GET", "/smtp-accounts/{id}", READERS),
    call("PUT", "/smtp-accounts/{id}", ADMIN),
    call("DELETE", "/smtp-accounts/{id}", ADMIN),
    call("POST", "/smtp-accounts/{id}/test", ADMIN),
    call("GET", "/inbox-accounts", READERS),
    call("POST", "/inbox-accounts", ADMIN),
    call("GET", "/inbox-accounts/{id}", READERS),
    call("PUT", "/inbox-accounts/{id}", ADMIN),
    call("DELETE", "/inbox-accounts/{id}", ADMIN),
    call("POST", "/inbox-accounts/{id}/test", ADMIN),
    call("POST", "/inbox-accounts/{id}/poll", ADMIN),
    call("GET", "/inbox-accounts/{id}/health", READERS),
    call("GET", "/people", READERS),
    call("POST", "/people", ADMIN),
    call("GET", "/people/{id}", READERS),
    call("PUT", "/people/{id}", ADMIN),
    call("DELETE", "/people/{id}", ADMIN),
    call("GET", "/access-requests", ALL),
    call("POST", "/access-requests", &[Requester]),
    call("GET", "/access-requests/{id}", ALL),
    call("POST", "/access-requests/{id}/cancel", &[Admin, Requester]),
    call("POST", "/access-requests/{id}/answer", &[Approver]),
    call("POST", "/access-requests/{id}/approvers", ADMIN),
    call("DELETE", "/access-requests/{id}/approvers/{aid}", ADMIN),
    call("GET", "/outbox", READERS),
    call("POST", "/outbox", &[Admin, Requester]),
    call("GET", "/outbox/{id}", READERS),
    call("GET", "/outbox/{id}/raw", &[Auditor]),
    call("POST", "/outbox/{id}/retry", ADMIN),
    call("POST", "/outbox/{id}/cancel", ADMIN),
    call("GET", "/inbound-messages", READERS),
    call("GET", "/inbound-messages/{id}", READERS),
    call("GET", "/inbound-messages/{id}/raw", READERS),
    call("POST", "/inbound-messages/{id}/reprocess", ADMIN),
    call("GET", "/decisions", ALL),
    call("GET", "/decisions/{id}", ALL),
    call("GET", "/ledger", READERS),
    call("POST", "/ledger/verify", READERS),
    call("POST", "/explain", READERS),
    call("GET", "/settings", READERS),
    call("PUT", "/settings", ADMIN),
    call("GET", "/lexicon", READERS),
    call("PUT", "/lexicon", ADMIN),
    call("GET", "/tokens", READERS),
    call("POST", "/tokens", ADMIN),
    call("GET", "/tokens/{id}", READERS),
    call("DELETE", "/tokens/{id}", ADMIN),
];

/// The call that a method and a route of the router (with its `/api/v1`) are.
pub fn find(method: &Method, route: &str) -> Option<&'static Call> {
    let path = route.strip_prefix(super::BASE)?;
    // A HEAD is a GET without its body (RFC 9110 §9.3.2).
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    CALLS.iter().find(|call| call.method == method && call.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_table_is_nobodys() {
        let check = |method: &str, route: &str, there: bool| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(find(&method, route).is_some(), there, "{method} {route}");
        };
        check("GET", "/api/v1/credentials", true);
        check("HEAD", "/api/v1/credentials", true);
        check("PATCH", "/api/v1/credentials", false);
        check("GET", "/credentials", false);
        check("GET", "/api/v1/secrets", false);
    }

    #[test]
    fn admins_decide_nothing_and_auditors_change_nothing() {
        for call in CALLS {
            if call.path.ends_with("/answer") {
                assert_eq!(call.roles, [Approver]);
            }
            if call.method != "GET" && call.roles.contains(&Auditor) {
                let reads = ["/ledger/verify", "/explain"];
                assert!(reads.contains(&call.path), "an auditor may not {}", call.method);
            }
        }
    }
}
