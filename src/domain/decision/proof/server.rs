//! What our own mail server says.
//!
//! It has seen the connection, which a poller never does, so it alone can
//! check SPF. With spf=pass and an aligned return path the whole mail, token
//! and all, came straight from a server that the author's domain has named:
//! that covers every carrier, as far as it covers anything. With a signature
//! only what the signature covers is vouched for, and we look that up in the
//! signature itself.
//!
//! The verdict and what it rests on must stand in one field. Servers that write
//! several (a milter for DKIM, another for DMARC) say nothing here.

use super::{
    Evidence, Means, SIGNATURES_MAX, Shortfall,
    coverage::{is_aligned, is_strong, signs, signs_carrier},
};
use crate::domain::{
    message::authentication::{DkimSaid, DkimSignature, DmarcSaid, ResultWord, TrustedField},
    token::Carrier,
};

pub(super) fn judged(evidence: &Evidence, carrier: Carrier) -> Result<Means, Shortfall> {
    if !evidence.has_trusted_ids {
        return Err(Shortfall::NoTrustedAuthservId);
    }
    if evidence.trusted.has_unreadable {
        return Err(Shortfall::AuthenticationResultsUnreadable);
    }
    if evidence.trusted.fields.is_empty() {
        return Err(Shortfall::NoAuthenticationResults);
    }
    verdict(evidence)?;
    let fields = &evidence.trusted.fields;
    fields
        .iter()
        .filter(|field| !field.dmarc.is_empty())
        .find_map(|field| means(evidence, field, carrier))
        .ok_or(Shortfall::TokenNotSigned)
}

/// Every trusted dmarc result must be a pass, and about our From. One that
/// differs, in whichever field, is a contradiction that nobody can resolve.
fn verdict(evidence: &Evidence) -> Result<(), Shortfall> {
    let said: Vec<&DmarcSaid> =
        evidence.trusted.fields.iter().flat_map(|field| &field.dmarc).collect();
    if said.is_empty() {
        return Err(Shortfall::DmarcMissing);
    }
    if said.iter().any(|said| said.result != ResultWord::Pass) {
        return Err(Shortfall::DmarcNotPass);
    }
    let author = evidence.from.domain();
    if said.iter().any(|said| said.from_domain.as_deref() != Some(author)) {
        return Err(Shortfall::DmarcHeaderFromDiffers);
    }
    Ok(())
}

fn means(evidence: &Evidence, field: &TrustedField, carrier: Carrier) -> Option<Means> {
    let position = field.position;
    if has_aligned_spf(evidence, field) {
        return Some(Means::TrustedSpf { position });
    }
    let covers = |said: &DkimSaid| names_covering_signature(evidence, said, carrier);
    field.dkim.iter().any(covers).then_some(Means::TrustedDkim { position })
}

fn has_aligned_spf(evidence: &Evidence, field: &TrustedField) -> bool {
    let any_failed = evidence
        .trusted
        .fields
        .iter()
        .flat_map(|field| &field.spf)
        .any(|said| matches!(said.result, ResultWord::Fail | ResultWord::SoftFail));
    let passes = field.spf.iter().any(|said| {
        said.result == ResultWord::Pass
            && said
                .mailfrom_domain
                .as_deref()
                .is_some_and(|domain| is_aligned(domain, evidence.from.domain()))
    });
    passes && !any_failed
}

/// Whether the signature that a dkim=pass is about covers the carrier. The
/// field names it only by domain and selector (and perhaps its beginning). A
/// sender who replays a genuine mail can add a second signature of the same
/// name that claims to cover everything; so *every* signature that may be meant
/// must cover, and none may be left that we cannot read.
fn names_covering_signature(evidence: &Evidence, said: &DkimSaid, carrier: Carrier) -> bool {
    let is_named =
        said.selector.is_some() && (said.domain.is_some() || said.identity_domain.is_some());
    if said.result != ResultWord::Pass || !is_named || evidence.signatures.len() > SIGNATURES_MAX {
        return false;
    }
    let signatures: Result<Vec<&DkimSignature>, _> =
        evidence.signatures.iter().map(|field| field.signature.as_ref()).collect();
    let Ok(signatures) = signatures else {
        return false;
    };
    let mut meant = signatures.into_iter().filter(|signature| is_about(said, signature)).peekable();
    meant.peek().is_some() && meant.all(|signature| is_covering(evidence, signature, carrier))
}

fn is_covering(evidence: &Evidence, signature: &DkimSignature, carrier: Carrier) -> bool {
    let any_failed = evidence
        .trusted
        .fields
        .iter()
        .flat_map(|field| &field.dkim)
        .any(|said| said.result == ResultWord::Fail && is_about(said, signature));
    !any_failed
        && is_aligned(&signature.domain, evidence.from.domain())
        && is_strong(signature.algorithm)
        && signature.body_length.is_none()
        && signs(signature, "from")
        && evidence.fields.are_all_signed(signature)
        && signs_carrier(signature, carrier)
}

/// Whether a result may be about this signature: nothing it says speaks
/// against it.
fn is_about(said: &DkimSaid, signature: &DkimSignature) -> bool {
    said.domain.as_ref().is_none_or(|domain| *domain == signature.domain)
        && said.identity_domain.as_ref().is_none_or(|domain| *domain == signature.identity_domain)
        && said.selector.as_ref().is_none_or(|selector| *selector == signature.selector)
        && said.signature_start.as_ref().is_none_or(|start| signature.signature.starts_with(start))
}
