//! How the domain's own types stand in a row: ids as UUIDs, words and
//! addresses as text. A word that nobody here wrote is an error that names
//! table, column and id, never a default.

use std::{borrow::Cow, fmt::Display};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sqlx::{Database, Decode, Encode, Type, encode::IsNull, error::BoxDynError};
use uuid::Uuid;

use super::StoreError;
use crate::domain::{
    address::EmailAddress,
    ids::{
        AccessRequestId, ApiTokenId, ApproverId, CredentialId, DecisionId, InboundMessageId,
        InboxAccountId, InstanceId, NodeId, OutboxMessageId, PersonId, SmtpAccountId,
    },
};

macro_rules! stored_as_uuid {
    ($($id:ident),+ $(,)?) => {$(
        impl<DB: Database> Type<DB> for $id
        where
            Uuid: Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <Uuid as Type<DB>>::type_info()
            }

            fn compatible(ty: &DB::TypeInfo) -> bool {
                <Uuid as Type<DB>>::compatible(ty)
            }
        }

        impl<'q, DB: Database> Encode<'q, DB> for $id
        where
            Uuid: Encode<'q, DB>,
        {
            fn encode_by_ref(
                &self,
                buf: &mut <DB as Database>::ArgumentBuffer,
            ) -> Result<IsNull, BoxDynError> {
                self.0.encode_by_ref(buf)
            }
        }

        impl<'r, DB: Database> Decode<'r, DB> for $id
        where
            Uuid: Decode<'r, DB>,
        {
            fn decode(value: <DB as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
                <Uuid as Decode<'r, DB>>::decode(value).map(Self)
            }
        }
    )+};
}

stored_as_uuid!(
    InstanceId,
    NodeId,
    CredentialId,
    SmtpAccountId,
    InboxAccountId,
    PersonId,
    AccessRequestId,
    ApproverId,
    OutboxMessageId,
    InboundMessageId,
    DecisionId,
    ApiTokenId,
);

/// A row being read, for the error that names it.
pub(super) struct RowOf<'a> {
    table: &'static str,
    id: &'a dyn Display,
}

impl<'a> RowOf<'a> {
    pub fn new(table: &'static str, id: &'a dyn Display) -> Self {
        Self { table, id }
    }

    pub fn corrupt(&self, column: &'static str, found: impl Display) -> StoreError {
        let (table, id) = (self.table, self.id.to_string());
        StoreError::Corrupt { table, column, id, found: found.to_string() }
    }

    /// A word of a closed list.
    pub fn word<T>(
        &self,
        column: &'static str,
        found: &str,
        from_word: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        from_word(found).ok_or_else(|| self.corrupt(column, found))
    }

    /// A word of a list that only serde knows.
    pub fn written<T: DeserializeOwned>(
        &self,
        column: &'static str,
        found: &str,
    ) -> Result<T, StoreError> {
        serde_json::from_value(Value::from(found)).map_err(|_| self.corrupt(column, found))
    }

    /// What stands as JSON.
    pub fn json<T: DeserializeOwned>(
        &self,
        column: &'static str,
        found: Value,
    ) -> Result<T, StoreError> {
        serde_json::from_value(found).map_err(|error| self.corrupt(column, error))
    }

    pub fn address(&self, column: &'static str, found: &str) -> Result<EmailAddress, StoreError> {
        EmailAddress::parse(found).map_err(|_| self.corrupt(column, found))
    }

    pub fn bytes<const N: usize>(
        &self,
        column: &'static str,
        found: &[u8],
    ) -> Result<[u8; N], StoreError> {
        found.try_into().map_err(|_| self.corrupt(column, format!("{} octets", found.len())))
    }

    pub fn number<T: TryFrom<i64>>(
        &self,
        column: &'static str,
        found: i64,
    ) -> Result<T, StoreError> {
        T::try_from(found).map_err(|_| self.corrupt(column, found))
    }
}

/// The word serde writes for a unit variant.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        // Only unit variants of closed lists are handed in; what else there
        // might be is refused by the column's CHECK.
        other => format!("{other:?}"),
    }
}

/// Text as both databases can hold it: PostgreSQL knows no U+0000, and mail
/// can carry any character, so it becomes U+FFFD on both.
pub(super) fn holdable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

pub(super) fn holdable_option(text: &Option<String>) -> Option<Cow<'_, str>> {
    text.as_deref().map(holdable)
}

/// The same for every string and key of a JSON value, however deep: serde_json
/// itself refuses to read more than 128 levels, so the recursion is bounded.
pub(super) fn holdable_json(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(holdable(text).into_owned()),
        Value::Array(items) => items.iter().map(holdable_json).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (holdable(key).into_owned(), holdable_json(value)))
            .collect(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{inbox_account::Profile, mail_server::Security};

    #[test]
    fn a_nul_becomes_a_replacement_character_everywhere() {
        assert_eq!(holdable("a\0b"), "a\u{fffd}b");
        assert_eq!(
            holdable_json(&json!({"a\0": ["\0", 1, null], "b": {"c": "x"}})),
            json!({"a\u{fffd}": ["\u{fffd}", 1, null], "b": {"c": "x"}})
        );
    }

    #[test]
    fn words_read_back_and_strange_ones_are_named() {
        assert_eq!(word(&Security::ImplicitTls), "implicit_tls");
        let row = RowOf::new("inbox_account", &7);
        assert_eq!(row.written::<Profile>("profile", "google").unwrap(), Profile::Google);
        let error = row.written::<Profile>("profile", "yahoo").unwrap_err().to_string();
        assert!(error.contains("inbox_account") && error.contains("yahoo"), "{error}");
    }
}
