//! What every action needs at hand: the store, the time, the dice, the keys.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use super::{ActionError, Story};
use crate::{
    clock::Clock,
    config::Config,
    domain::{
        ids::{InstanceId, NodeId},
        ledger::Kind,
        reply::lexicon::Lexicon,
        token::{Key, KeyRing},
    },
    random::Random,
    secret::{MasterKeys, Place, Sealed, Secret},
    store::{self, Store},
};

/// One running countersign. Cheap to clone.
#[derive(Clone)]
pub struct Instance(Arc<Inner>);

pub struct Inner {
    pub id: InstanceId,
    /// What a restore from backup raises; tokens are bound to it.
    pub epoch: i64,
    /// This process, among those that share the database.
    pub node: NodeId,
    pub config: Config,
    pub store: Store,
    pub clock: Clock,
    pub random: Random,
    pub master: MasterKeys,
    pub token_keys: KeyRing,
    /// Rung when mail is due to go out or an account was changed.
    pub wake: Wake,
    /// The words answers are read by, compiled once for each version of them.
    pub lexicon: Mutex<Option<(i64, Option<Arc<Lexicon>>)>>,
}

/// Bells for the workers that wait.
#[derive(Default)]
pub struct Wake {
    pub delivery: Notify,
    pub polling: Notify,
}

impl std::ops::Deref for Instance {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Instance {
    /// Opens the store, brings its schema up to date, and reads or makes what
    /// the instance is known by.
    pub async fn open(config: Config, clock: Clock, random: Random) -> Result<Self, ActionError> {
        make_data_dir(&config)?;
        let store = Store::open(&config.database(), clock.clone()).await?;
        store.migrate().await?;
        let master = master_keys(&store, &config, &random).await?;
        Self::on(store, config, clock, random, master).await
    }

    /// The same on a store that is already open and migrated.
    pub async fn on(
        store: Store,
        config: Config,
        clock: Clock,
        random: Random,
        master: MasterKeys,
    ) -> Result<Self, ActionError> {
        let now = clock.now();
        let mut tx = store.begin().await?;
        let fresh: InstanceId = random.id(now);
        let row = store::instance::start(&mut tx, fresh, now).await?;
        let mut keys = store::token_keys::list(&mut tx).await?;
        let is_new = keys.is_empty();
        if is_new {
            let id = data_encoding::HEXLOWER.encode(&random.bytes::<8>());
            let secret = Secret::new(data_encoding::HEXLOWER.encode(&random.bytes::<32>()));
            let sealed = master.seal(&secret, token_key_place(&row.id), &random);
            let key = store::token_keys::TokenKey {
                id,
                sealed: sealed.bytes,
                key_id: sealed.key_id,
                created_at: now,
            };
            store::token_keys::add(&mut tx, &key).await?;
            keys.push(key);
        }
        let token_keys = open_token_keys(&keys, &row.id, &master)?;
        let node = random.id(now);
        let inner = Inner {
            id: row.id,
            epoch: row.epoch,
            node,
            config,
            store,
            clock,
            random,
            master,
            token_keys,
            wake: Wake::default(),
            lexicon: Mutex::new(None),
        };
        let instance = Self(Arc::new(inner));
        let mut story = Story::default();
        if is_new {
            let facts = serde_json::json!({"instance": instance.id, "epoch": instance.epoch});
            story.tell(&instance, Kind::InstanceStarted, None, facts, None);
        }
        story.commit(tx).await?;
        Ok(instance)
    }
}

/// From the environment or the file. A new key is made only where nothing was
/// sealed yet: after a restore without the key file, a fresh key would hide
/// that the old one is missing.
async fn master_keys(
    store: &Store,
    config: &Config,
    random: &Random,
) -> Result<MasterKeys, ActionError> {
    if let Ok(text) = std::env::var("COUNTERSIGN_MASTER_KEY") {
        return Ok(MasterKeys::parse(&text, "COUNTERSIGN_MASTER_KEY")?);
    }
    let file = config.master_key_file();
    if !file.exists() {
        let mut tx = store.read().await?;
        if let Some(key) = store::token_keys::list(&mut tx).await?.first() {
            return Err(ActionError::Conflict(format!(
                "the database was sealed with master key `{}`, and there is no file `{}`; put the key file back",
                key.key_id,
                file.display()
            )));
        }
    }
    Ok(MasterKeys::in_file(&file, random)?)
}

/// Its own, and nobody else's to look into.
fn make_data_dir(config: &Config) -> Result<(), ActionError> {
    use std::os::unix::fs::DirBuilderExt;
    let dir = &config.data_dir;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| {
        ActionError::Secret(crate::secret::SecretError::File {
            file: dir.display().to_string(),
            source,
        })
    })
}

fn token_key_place(instance: &InstanceId) -> Place<'static> {
    Place { table: "token_key", row: instance.0, column: "secret" }
}

/// The newest key mints, the others only verify.
fn open_token_keys(
    keys: &[store::token_keys::TokenKey],
    instance: &InstanceId,
    master: &MasterKeys,
) -> Result<KeyRing, ActionError> {
    let mut opened = Vec::with_capacity(keys.len());
    for key in keys {
        let sealed = Sealed { key_id: key.key_id.clone(), bytes: key.sealed.clone() };
        let secret = master.open(&sealed, token_key_place(instance))?;
        let bytes = data_encoding::HEXLOWER
            .decode(secret.expose().as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or_else(|| {
                ActionError::Internal(format!("token key `{}` is not 32 octets", key.id))
            })?;
        opened.push(Key::new(key.id.clone(), bytes));
    }
    if opened.is_empty() {
        return Err(ActionError::Internal("there is no token key".to_owned()));
    }
    let current = opened.remove(0);
    KeyRing::new(current, opened).map_err(|same| ActionError::Internal(same.to_string()))
}
