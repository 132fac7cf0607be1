//! The installation itself.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, tx::*};
use crate::domain::ids::InstanceId;

/// What every token is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Instance {
    pub id: InstanceId,
    /// Raised by a restore from backup; from 1.
    pub epoch: i64,
    pub created_at: DateTime<Utc>,
}

/// The installation; `fresh` becomes its id the first time this is asked.
pub async fn start(
    tx: &mut Tx,
    fresh: InstanceId,
    at: DateTime<Utc>,
) -> Result<Instance, StoreError> {
    changed!(
        tx,
        "-- instance.start
        INSERT INTO instance (singleton, id, epoch, created_at) VALUES (1, $1, 1, $2)
        ON CONFLICT (singleton) DO NOTHING",
        fresh,
        at,
    )?;
    the_row!(
        tx,
        Instance,
        "-- instance.start: read back, for another node may have been first
        SELECT id, epoch, created_at FROM instance"
    )
}

/// None before the first start.
pub async fn find(tx: &mut Tx) -> Result<Option<Instance>, StoreError> {
    row!(tx, Instance, "-- instance.find\nSELECT id, epoch, created_at FROM instance")
}

/// After a restore from backup: no token of an earlier epoch approves. Gives
/// the new epoch.
pub async fn raise_epoch(tx: &mut Tx) -> Result<i64, StoreError> {
    let (epoch,) = the_row!(
        tx,
        (i64,),
        "-- instance.raise_epoch
        UPDATE instance SET epoch = epoch + 1 RETURNING epoch"
    )?;
    Ok(epoch)
}
