//! The instance's settings, kept as one JSON document: read whole, changed
//! whole, and every field has a default.

use serde_json::Value;
use sqlx::types::Json;

use super::{StoreError, Tx, columns::RowOf, tx::*};
use crate::domain::settings::Settings;

/// The settings and their version; version 0 are the defaults, never changed.
pub async fn find(tx: &mut Tx) -> Result<(Settings, i64), StoreError> {
    let found =
        row!(tx, (Json<Value>, i64), "-- settings.find\nSELECT body, version FROM settings")?;
    match found {
        None => Ok((Settings::default(), 0)),
        Some((Json(body), version)) => {
            Ok((RowOf::new("settings", &1).json("body", body)?, version))
        }
    }
}

/// False where somebody else changed them since `expected_version` was read.
pub async fn update(
    tx: &mut Tx,
    settings: &Settings,
    expected_version: i64,
) -> Result<bool, StoreError> {
    let count = if expected_version == 0 {
        changed!(
            tx,
            "-- settings.update: the first change makes the row
            INSERT INTO settings (singleton, body, version) VALUES (1, $1, 1)
            ON CONFLICT (singleton) DO NOTHING",
            Json(settings),
        )?
    } else {
        changed!(
            tx,
            "-- settings.update
            UPDATE settings SET body = $1, version = version + 1 WHERE version = $2",
            Json(settings),
            expected_version,
        )?
    };
    Ok(count == 1)
}
