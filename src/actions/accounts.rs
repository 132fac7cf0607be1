//! SMTP and inbox accounts: added, changed, removed.
//!
//! Every rule about one account is checked here, all at once, before anything
//! is written; rules that span accounts (one default, unique names) are also
//! constraints of the database.

use serde_json::json;

use super::{ActionError, Instance, Story};
use crate::{
    domain::{
        access_request::submission::FieldProblem,
        decision::{Disposition, policy::Proof},
        inbox_account::{
            InboxAccount, Protocol,
            health::{Facts, Health, health},
            schedule::Schedule,
        },
        ledger::Kind,
        mail_server::{MailServer, Security},
        smtp_account::SmtpAccount,
    },
    store::{
        Tx, credentials, inbound_messages, inbox_accounts,
        inbox_state::{self, InboxState},
        smtp_accounts,
    },
};

pub const NAME_CHARS_MAX: usize = 100;
/// Octets; from one small mail to the most any limit of ours allows.
const MAX_SIZE_BYTES: std::ops::RangeInclusive<i64> = 1024..=104_857_600;

type Problems = Vec<FieldProblem>;

pub(super) fn name_is_fit(name: &str) -> Result<(), ActionError> {
    let mut problems = Vec::new();
    name_problems(name, &mut problems);
    refuse(problems)
}

fn refuse(problems: Problems) -> Result<(), ActionError> {
    if problems.is_empty() { Ok(()) } else { Err(ActionError::Invalid(problems)) }
}

fn name_problems(name: &str, problems: &mut Problems) {
    let fits = !name.trim().is_empty()
        && name.trim() == name
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.chars().any(char::is_control);
    if !fits {
        problems.push(FieldProblem::new(
            "/name",
            "must be 1 to 100 characters on one line, without space at either end",
        ));
    }
    if name.parse::<uuid::Uuid>().is_ok() {
        problems.push(FieldProblem::new("/name", "must not look like an id"));
    }
}

fn server_problems(server: &MailServer, problems: &mut Problems) {
    let host_fits = !server.host.is_empty()
        && server.host.len() <= 255
        && server.host.chars().all(|c| c.is_alphanumeric() || ".-_:[]".contains(c));
    if !host_fits {
        problems.push(FieldProblem::new("/host", "must be a host name or an IP address"));
    }
    if server.port == 0 {
        problems.push(FieldProblem::new("/port", "must be from 1 to 65535"));
    }
    if let Some(pem) = &server.ca_pem
        && native_tls::Certificate::from_pem(pem.as_bytes()).is_err()
    {
        problems.push(FieldProblem::new("/ca_pem", "must be a certificate in PEM form"));
    }
    if let Some(pin) = &server.pinned_sha256
        && !(pin.len() == 64 && pin.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        problems.push(FieldProblem::new("/pinned_sha256", "must be 64 hexadecimal digits"));
    }
    if server.security == Security::None
        && (server.ca_pem.is_some() || server.pinned_sha256.is_some())
    {
        problems
            .push(FieldProblem::new("/security", "is `none`, so no certificate can be checked"));
    }
}

// --- SMTP ---------------------------------------------------------------

fn smtp_problems(account: &SmtpAccount) -> Problems {
    let mut problems = Vec::new();
    name_problems(&account.name, &mut problems);
    server_problems(&account.server, &mut problems);
    if account.authenticate && account.credential_id.is_none() {
        problems.push(FieldProblem::new("/credential_id", "is needed where authenticate is on"));
    }
    if account.rate_per_minute.is_some_and(|rate| !(1..=100_000).contains(&rate)) {
        problems.push(FieldProblem::new("/rate_per_minute", "must be from 1 to 100000, or null"));
    }
    if !(1..=50).contains(&account.max_connections) {
        problems.push(FieldProblem::new("/max_connections", "must be from 1 to 50"));
    }
    if account.request_read_receipt && account.confirmation_to.is_none() {
        problems.push(FieldProblem::new(
            "/confirmation_to",
            "is needed where request_read_receipt is on",
        ));
    }
    if account.default && !account.enabled {
        problems.push(FieldProblem::new("/enabled", "must be on for the default account"));
    }
    problems
}

async fn credential_exists(
    tx: &mut Tx,
    id: Option<crate::domain::ids::CredentialId>,
    problems: &mut Problems,
) -> Result<(), ActionError> {
    if let Some(id) = id
        && credentials::find(tx, id).await?.is_none()
    {
        problems.push(FieldProblem::new("/credential_id", "names no credential"));
    }
    Ok(())
}

/// Adds an account; the first enabled one becomes the default.
pub async fn add_smtp(
    instance: &Instance,
    mut account: SmtpAccount,
) -> Result<SmtpAccount, ActionError> {
    account.id = instance.random.id(instance.clock.now());
    account.version = 1;
    let mut problems = smtp_problems(&account);
    let mut tx = instance.store.begin().await?;
    credential_exists(&mut tx, account.credential_id, &mut problems).await?;
    refuse(problems)?;
    let wants_default = account.default
        || (account.enabled && smtp_accounts::find_default(&mut tx).await?.is_none());
    account.default = false;
    smtp_accounts::add(&mut tx, &account, instance.clock.now()).await?;
    if wants_default {
        smtp_accounts::make_default(&mut tx, account.id, instance.clock.now()).await?;
        account.default = true;
    }
    commit_smtp(instance, tx, &account, "added").await?;
    Ok(account)
}

pub async fn update_smtp(
    instance: &Instance,
    mut account: SmtpAccount,
) -> Result<SmtpAccount, ActionError> {
    let mut problems = smtp_problems(&account);
    let mut tx = instance.store.begin().await?;
    credential_exists(&mut tx, account.credential_id, &mut problems).await?;
    let before = smtp_accounts::find(&mut tx, account.id)
        .await?
        .ok_or_else(|| ActionError::not_found("SMTP account", &account.name))?;
    if before.default && !account.default {
        problems.push(FieldProblem::new(
            "/default",
            "cannot be taken away; make another account the default",
        ));
    }
    refuse(problems)?;
    let becomes_default = account.default && !before.default;
    let stored = SmtpAccount { default: before.default, paused_reason: None, ..account.clone() };
    if !smtp_accounts::update(&mut tx, &stored, instance.clock.now()).await? {
        return Err(ActionError::Changed { what: "SMTP account", name: account.name });
    }
    account.version += 1;
    if becomes_default {
        smtp_accounts::make_default(&mut tx, account.id, instance.clock.now()).await?;
    }
    // Somebody mended something, so what was refused before deserves a try.
    smtp_accounts::resume(&mut tx, account.id).await?;
    account.paused_reason = None;
    commit_smtp(instance, tx, &account, "changed").await?;
    find_smtp(instance, &account.id.to_string()).await
}

pub async fn make_default(instance: &Instance, account: &SmtpAccount) -> Result<(), ActionError> {
    if !account.enabled {
        return Err(ActionError::Conflict(format!(
            "SMTP account `{}` is disabled, so it cannot be the default",
            account.name
        )));
    }
    let mut tx = instance.store.begin().await?;
    smtp_accounts::make_default(&mut tx, account.id, instance.clock.now()).await?;
    commit_smtp(instance, tx, account, "made_default").await
}

pub async fn remove_smtp(instance: &Instance, account: &SmtpAccount) -> Result<(), ActionError> {
    if account.default {
        return Err(ActionError::Conflict(format!(
            "SMTP account `{}` is the default; make another account the default first",
            account.name
        )));
    }
    let mut tx = instance.store.begin().await?;
    if !smtp_accounts::remove(&mut tx, account.id).await? {
        return Err(ActionError::not_found("SMTP account", &account.name));
    }
    commit_smtp(instance, tx, account, "removed").await
}

/// By id or by name.
pub async fn find_smtp(instance: &Instance, named: &str) -> Result<SmtpAccount, ActionError> {
    let mut tx = instance.store.read().await?;
    let found = match named.parse() {
        Ok(id) => smtp_accounts::find(&mut tx, id).await?,
        Err(_) => smtp_accounts::find_by_name(&mut tx, named).await?,
    };
    found.ok_or_else(|| ActionError::not_found("SMTP account", named))
}

async fn commit_smtp(
    instance: &Instance,
    tx: Tx,
    account: &SmtpAccount,
    how: &str,
) -> Result<(), ActionError> {
    let mut story = Story::default();
    let facts = json!({
        "smtp_account": account.id, "change": how, "enabled": account.enabled,
        "default": account.default, "security": account.server.security,
        "accept_invalid_certs": account.server.accept_invalid_certs,
    });
    let private =
        json!({"name": account.name, "sender": account.sender, "host": account.server.host});
    story.tell(instance, Kind::AccountChanged, None, facts, Some(private));
    story.commit(tx).await?;
    instance.wake.delivery.notify_one();
    Ok(())
}

// --- inbox --------------------------------------------------------------

fn inbox_problems(account: &InboxAccount) -> Problems {
    let mut problems = Vec::new();
    let mut wrong = |field: &str, problem: String| problems.push(FieldProblem::new(field, problem));
    if account.timezone.parse::<chrono_tz::Tz>().is_err() {
        wrong("/timezone", "must be an IANA zone such as `Europe/Lisbon`".to_owned());
    } else if let Err(problem) = Schedule::parse(&account.schedule, &account.timezone) {
        wrong("/schedule", problem.to_string());
    }
    if account.folder.is_empty() || account.folder.chars().any(char::is_control) {
        wrong("/folder", "must name a folder, such as INBOX".to_owned());
    }
    if account.protocol == Protocol::Pop3 && !account.folder.eq_ignore_ascii_case("INBOX") {
        wrong("/folder", "must be INBOX: POP3 knows no other".to_owned());
    }
    if account.addresses.is_empty() || account.addresses.len() > 50 {
        wrong("/addresses", "must hold from 1 to 50 addresses whose mail arrives here".to_owned());
    }
    if account.sub_address.as_ref().is_some_and(|s| s.len() != 1 || !"+-=_.#".contains(s.as_str()))
    {
        wrong("/sub_address", "must be one of + - = _ . #, or null".to_owned());
    }
    if !MAX_SIZE_BYTES.contains(&account.max_size_bytes) {
        wrong("/max_size_bytes", "must be from 1024 to 104857600".to_owned());
    }
    for (n, id) in account.trusted_authserv_ids.iter().enumerate() {
        if id.trim().is_empty() || id.contains(char::is_whitespace) || id.len() > 255 {
            wrong(
                &format!("/trusted_authserv_ids/{n}"),
                "must be an authserv-id such as mx.corp.example".to_owned(),
            );
        }
    }
    name_problems(&account.name, &mut problems);
    server_problems(&account.server, &mut problems);
    problems
}

pub async fn add_inbox(
    instance: &Instance,
    mut account: InboxAccount,
) -> Result<InboxAccount, ActionError> {
    let now = instance.clock.now();
    account.id = instance.random.id(now);
    account.version = 1;
    let mut problems = inbox_problems(&account);
    let mut tx = instance.store.begin().await?;
    credential_exists(&mut tx, Some(account.credential_id), &mut problems).await?;
    refuse(problems)?;
    inbox_accounts::add(&mut tx, &account, now).await?;
    if account.enabled {
        inbox_state::set_baseline(&mut tx, account.id, now).await?;
        inbox_state::schedule(&mut tx, account.id, now).await?;
    }
    commit_inbox(instance, tx, &account, "added").await?;
    Ok(account)
}

pub async fn update_inbox(
    instance: &Instance,
    mut account: InboxAccount,
) -> Result<InboxAccount, ActionError> {
    let now = instance.clock.now();
    let mut problems = inbox_problems(&account);
    let mut tx = instance.store.begin().await?;
    credential_exists(&mut tx, Some(account.credential_id), &mut problems).await?;
    refuse(problems)?;
    if !inbox_accounts::update(&mut tx, &account, now).await? {
        return Err(ActionError::Changed { what: "inbox account", name: account.name });
    }
    account.version += 1;
    inbox_state::resume(&mut tx, account.id, now).await?;
    if account.enabled {
        // Only the first time counts; the store keeps the earlier moment.
        inbox_state::set_baseline(&mut tx, account.id, now).await?;
        inbox_state::schedule(&mut tx, account.id, now).await?;
    }
    commit_inbox(instance, tx, &account, "changed").await?;
    Ok(account)
}

/// Has the polling workers look into an account at once, whatever its schedule
/// says. A pause stays, and so does a visit under way.
pub async fn check_soon(instance: &Instance, account: &InboxAccount) -> Result<(), ActionError> {
    let mut tx = instance.store.begin().await?;
    let now = tx.now().await?;
    inbox_state::schedule(&mut tx, account.id, now).await?;
    tx.commit().await?;
    instance.wake.polling.notify_one();
    Ok(())
}

pub async fn remove_inbox(instance: &Instance, account: &InboxAccount) -> Result<(), ActionError> {
    let mut tx = instance.store.begin().await?;
    if !inbox_accounts::remove(&mut tx, account.id).await? {
        return Err(ActionError::not_found("inbox account", &account.name));
    }
    commit_inbox(instance, tx, account, "removed").await
}

/// By id or by name.
pub async fn find_inbox(instance: &Instance, named: &str) -> Result<InboxAccount, ActionError> {
    let mut tx = instance.store.read().await?;
    let found = match named.parse() {
        Ok(id) => inbox_accounts::find(&mut tx, id).await?,
        Err(_) => inbox_accounts::find_by_name(&mut tx, named).await?,
    };
    found.ok_or_else(|| ActionError::not_found("inbox account", named))
}

async fn commit_inbox(
    instance: &Instance,
    tx: Tx,
    account: &InboxAccount,
    how: &str,
) -> Result<(), ActionError> {
    let mut story = Story::default();
    let facts = json!({
        "inbox_account": account.id, "change": how, "enabled": account.enabled,
        "automatic_check": account.automatic_check, "keep_copy": account.keep_copy,
        "proof": account.proof, "by_mail": account.by_mail, "profile": account.profile,
        "accept_invalid_certs": account.server.accept_invalid_certs,
    });
    let private = json!({
        "name": account.name, "addresses": account.addresses, "host": account.server.host,
        "trusted_authserv_ids": account.trusted_authserv_ids,
    });
    story.tell(instance, Kind::AccountChanged, None, facts, Some(private));
    story.commit(tx).await?;
    for warning in account.warnings() {
        tracing::warn!(account = %account.name, "{warning}");
    }
    instance.wake.polling.notify_one();
    Ok(())
}

/// How an inbox account is doing, in an admin's words, and the facts it is
/// told from.
pub async fn inbox_health(
    instance: &Instance,
    account: &InboxAccount,
) -> Result<(Health, Option<InboxState>), ActionError> {
    let now = instance.store.now().await?;
    let mut tx = instance.store.read().await?;
    let state = inbox_state::find(&mut tx, account.id).await?;
    let counts = inbound_messages::count_by_disposition(&mut tx, Some(account.id), None).await?;
    let count =
        |wanted: Disposition| counts.iter().find(|(d, _)| *d == wanted).map_or(0, |(_, n)| *n);
    let warnings = account.warnings();
    let failure = state.as_ref().and_then(|s| s.last_error_at.zip(s.last_error.as_deref()));
    let facts = Facts {
        enabled: account.enabled,
        automatic_check: account.automatic_check,
        paused_reason: state.as_ref().and_then(|s| s.paused_reason.as_deref()),
        last_success_at: state.as_ref().and_then(|s| s.last_success_at),
        last_failure: failure.filter(|_| state.as_ref().is_some_and(|s| s.failures > 0)),
        failures_in_a_row: state.as_ref().map_or(0, |s| s.failures),
        due_at: state.as_ref().map(|s| s.due_at),
        interval: Schedule::parse(&account.schedule, &account.timezone)
            .ok()
            .map(|s| s.interval(now)),
        warnings: &warnings,
        cannot_decide: account.proof > Proof::TokenOnly && account.trusted_authserv_ids.is_empty(),
        deferred: count(Disposition::Deferred),
        quarantined: count(Disposition::Quarantined),
    };
    Ok((health(&facts, now), state))
}
