//! Signatures we verified ourselves.
//!
//! A verifier says whether the arithmetic is right. That is not enough: it
//! passes mails with a second From put on top, with keys under test, and with
//! little but the From signed. The rules here refuse those.

use super::{
    Evidence, Means, SIGNATURES_MAX, Shortfall,
    coverage::{is_aligned, is_strong, signs, signs_carrier},
};
use crate::domain::{
    address::domain_name,
    message::authentication::{Algorithm, DkimSignature},
    token::Carrier,
};

/// What our verifier found out about one DKIM-Signature field. It says which
/// one it means twice, by place and by name, so that a field which the verifier
/// reads in another way than we do proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalDkim {
    /// Which DKIM-Signature field, counted from the topmost, which is 0.
    pub signature: usize,
    /// `d=` as the verifier read it.
    pub domain: String,
    /// `s=` as the verifier read it.
    pub selector: String,
    /// `a=` as the verifier read it.
    pub algorithm: Algorithm,
    pub result: LocalResult,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalResult {
    Pass {
        /// The length of the RSA modulus; without meaning for Ed25519.
        key_bits: u32,
        /// The key's record has `t=y`.
        testing: bool,
    },
    /// The signature, the body hash or the key is wrong or missing.
    Fail,
    /// The DNS did not answer.
    TempError,
}

/// What all the signatures together amount to.
pub(super) struct Judged {
    pub(super) strict: Option<Means>,
    pub(super) standard: Option<Means>,
    /// Why it is not strict; if it is not standard, why not.
    pub(super) shortfalls: Vec<Shortfall>,
}

/// RFC 8301 §3.2, as a floor.
const RSA_BITS_MIN: u32 = 1024;
const RSA_BITS_STRICT_MIN: u32 = 2048;

/// What a signature that is good enough for `standard` lacks for `strict`.
type Lacks = Option<Shortfall>;

pub(super) fn judged(evidence: &Evidence, carrier: Carrier) -> Judged {
    let mut judged = Judged { strict: None, standard: None, shortfalls: Vec::new() };
    if evidence.signatures.len() > SIGNATURES_MAX {
        judged.shortfalls.push(Shortfall::TooManySignatures);
        return judged;
    }
    for local in evidence.local {
        let means = Some(Means::LocalDkim { signature: local.signature });
        match judge(evidence, local, carrier) {
            Ok(None) => judged.strict = judged.strict.or(means),
            Ok(Some(lacks)) => {
                judged.standard = judged.standard.or(means);
                judged.shortfalls.push(lacks);
            }
            Err(shortfall) => judged.shortfalls.push(shortfall),
        }
    }
    if evidence.local.is_empty() {
        judged.shortfalls.push(Shortfall::LocalDkimMissing);
    }
    judged.shortfalls.sort_unstable();
    judged.shortfalls.dedup();
    judged
}

fn judge(evidence: &Evidence, local: &LocalDkim, carrier: Carrier) -> Result<Lacks, Shortfall> {
    let field = evidence.signatures.get(local.signature);
    let Some(Ok(signature)) = field.map(|field| &field.signature) else {
        return Err(Shortfall::LocalDkimUnreadable);
    };
    if let Some(shortfall) = flaw(evidence, local, signature) {
        return Err(shortfall);
    }
    // Last, so that it is only said of a sender who is otherwise genuine.
    if !signs_carrier(signature, carrier) {
        return Err(Shortfall::TokenNotSigned);
    }
    let LocalResult::Pass { key_bits, .. } = local.result else {
        return Err(Shortfall::LocalDkimTempError);
    };
    Ok(lacks(evidence, signature, key_bits))
}

/// The first thing wrong with a signature, whatever it covers.
fn flaw(evidence: &Evidence, local: &LocalDkim, signature: &DkimSignature) -> Option<Shortfall> {
    let agrees = domain_name(&local.domain).is_ok_and(|domain| domain == signature.domain)
        && local.selector.eq_ignore_ascii_case(&signature.selector)
        && local.algorithm == signature.algorithm;
    let (testing, key_bits) = match local.result {
        LocalResult::Pass { key_bits, testing } => (testing, Some(key_bits)),
        LocalResult::Fail | LocalResult::TempError => (false, None),
    };
    let is_rsa = signature.algorithm != Algorithm::Ed25519Sha256;
    let expired = signature.expires_at.is_some_and(|expires_at| expires_at <= evidence.at);
    [
        (!agrees, Shortfall::LocalDkimDisagrees),
        (!is_aligned(&signature.domain, evidence.from.domain()), Shortfall::LocalDkimNotAligned),
        (local.result == LocalResult::Fail, Shortfall::LocalDkimFailed),
        (!is_strong(signature.algorithm), Shortfall::LocalDkimWeakAlgorithm),
        (
            is_rsa && key_bits.is_some_and(|bits| bits < RSA_BITS_MIN),
            Shortfall::LocalDkimKeyTooShort,
        ),
        (testing, Shortfall::LocalDkimKeyTesting),
        (signature.body_length.is_some(), Shortfall::LocalDkimBodyLength),
        (expired, Shortfall::LocalDkimExpired),
        (!signs(signature, "from"), Shortfall::LocalDkimFromNotSigned),
        (!evidence.fields.are_all_signed(signature), Shortfall::LocalDkimHeaderRepeated),
    ]
    .into_iter()
    .find_map(|(holds, shortfall)| holds.then_some(shortfall))
}

fn lacks(evidence: &Evidence, signature: &DkimSignature, key_bits: u32) -> Lacks {
    let is_rsa = signature.algorithm != Algorithm::Ed25519Sha256;
    [
        (signature.domain != evidence.from.domain(), Shortfall::LocalDkimDomainNotIdentical),
        (is_rsa && key_bits < RSA_BITS_STRICT_MIN, Shortfall::LocalDkimKeyTooShortForStrict),
        (!evidence.is_sent_by_author(), Shortfall::SenderDiffers),
    ]
    .into_iter()
    .find_map(|(holds, shortfall)| holds.then_some(shortfall))
}
