//! Why a sender is not proven further.

/// In order of precedence: what stands first explains best. The codes are
/// stored and documented; they do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shortfall {
    /// Our own server found a forged From. Nothing outweighs that.
    DmarcFailed,
    /// No From field, or more than one.
    FromNotSingle,
    /// The field that the token was read from is not there exactly once.
    CarrierNotSingle,
    /// Content-Type or its like stands twice: the words could be other words.
    ContentFieldRepeated,
    /// The sender may be genuine, but nobody vouches for the token being his.
    TokenNotSigned,
    /// The DNS did not answer; ask again.
    LocalDkimTempError,
    LocalDkimFailed,
    /// Nothing wrong but that a test is going on (`t=y`, RFC 6376 §3.6.1).
    LocalDkimKeyTesting,
    LocalDkimKeyTooShort,
    /// `l=`: whatever was added to the body is not signed.
    LocalDkimBodyLength,
    LocalDkimWeakAlgorithm,
    LocalDkimExpired,
    LocalDkimFromNotSigned,
    /// A signed field stands more often than it was signed.
    LocalDkimHeaderRepeated,
    LocalDkimNotAligned,
    /// The verifier read another domain, selector or algorithm than we did.
    LocalDkimDisagrees,
    LocalDkimUnreadable,
    /// More than ten.
    TooManySignatures,
    /// Enough for `standard`: the signer is of another domain, if a related one.
    LocalDkimDomainNotIdentical,
    /// Enough for `standard`: the RSA key has less than 2048 bits.
    LocalDkimKeyTooShortForStrict,
    /// Enough for `standard`: Sender names another than From.
    SenderDiffers,
    DmarcHeaderFromDiffers,
    DmarcNotPass,
    DmarcMissing,
    AuthenticationResultsUnreadable,
    NoAuthenticationResults,
    NoTrustedAuthservId,
    /// We have verified no signature.
    LocalDkimMissing,
}

impl Shortfall {
    pub const ALL: [Self; 28] = [
        Self::DmarcFailed,
        Self::FromNotSingle,
        Self::CarrierNotSingle,
        Self::ContentFieldRepeated,
        Self::TokenNotSigned,
        Self::LocalDkimTempError,
        Self::LocalDkimFailed,
        Self::LocalDkimKeyTesting,
        Self::LocalDkimKeyTooShort,
        Self::LocalDkimBodyLength,
        Self::LocalDkimWeakAlgorithm,
        Self::LocalDkimExpired,
        Self::LocalDkimFromNotSigned,
        Self::LocalDkimHeaderRepeated,
        Self::LocalDkimNotAligned,
        Self::LocalDkimDisagrees,
        Self::LocalDkimUnreadable,
        Self::TooManySignatures,
        Self::LocalDkimDomainNotIdentical,
        Self::LocalDkimKeyTooShortForStrict,
        Self::SenderDiffers,
        Self::DmarcHeaderFromDiffers,
        Self::DmarcNotPass,
        Self::DmarcMissing,
        Self::AuthenticationResultsUnreadable,
        Self::NoAuthenticationResults,
        Self::NoTrustedAuthservId,
        Self::LocalDkimMissing,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::DmarcFailed => "dmarc_failed",
            Self::FromNotSingle => "from_not_single",
            Self::CarrierNotSingle => "carrier_not_single",
            Self::ContentFieldRepeated => "content_field_repeated",
            Self::TokenNotSigned => "token_not_signed",
            Self::LocalDkimTempError => "local_dkim_temp_error",
            Self::LocalDkimFailed => "local_dkim_failed",
            Self::LocalDkimKeyTesting => "local_dkim_key_testing",
            Self::LocalDkimKeyTooShort => "local_dkim_key_too_short",
            Self::LocalDkimBodyLength => "local_dkim_body_length",
            Self::LocalDkimWeakAlgorithm => "local_dkim_weak_algorithm",
            Self::LocalDkimExpired => "local_dkim_expired",
            Self::LocalDkimFromNotSigned => "local_dkim_from_not_signed",
            Self::LocalDkimHeaderRepeated => "local_dkim_header_repeated",
            Self::LocalDkimNotAligned => "local_dkim_not_aligned",
            Self::LocalDkimDisagrees => "local_dkim_disagrees",
            Self::LocalDkimUnreadable => "local_dkim_unreadable",
            Self::TooManySignatures => "too_many_signatures",
            Self::LocalDkimDomainNotIdentical => "local_dkim_domain_not_identical",
            Self::LocalDkimKeyTooShortForStrict => "local_dkim_key_too_short_for_strict",
            Self::SenderDiffers => "sender_differs",
            Self::DmarcHeaderFromDiffers => "dmarc_header_from_differs",
            Self::DmarcNotPass => "dmarc_not_pass",
            Self::DmarcMissing => "dmarc_missing",
            Self::AuthenticationResultsUnreadable => "authentication_results_unreadable",
            Self::NoAuthenticationResults => "no_authentication_results",
            Self::NoTrustedAuthservId => "no_trusted_authserv_id",
            Self::LocalDkimMissing => "local_dkim_missing",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shortfall| shortfall.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_in_order_and_codes_read_back() {
        assert!(Shortfall::ALL.is_sorted_by(|one, next| one < next));
        for shortfall in Shortfall::ALL {
            assert_eq!(Shortfall::from_code(shortfall.code()), Some(shortfall));
        }
        assert_eq!(Shortfall::from_code("dmarc"), None);
    }
}
