//! The words an admin adds to those we bring along, changed as a whole.

use std::sync::{Arc, PoisonError};

use serde_json::json;

use super::{ActionError, Instance, Story};
use crate::{
    domain::{
        access_request::submission::FieldProblem,
        ledger::Kind,
        reply::{
            additions,
            lexicon::{Addition, Lexicon},
        },
    },
    store::{Tx, lexicon},
};

/// The words that hold now; none: those we bring along, which are not copied. Those that were accepted by an earlier release and
/// turn a text by now are left out, with a warning: what we bring along counts.
pub async fn current(
    instance: &Instance,
    tx: &mut Tx,
) -> Result<Option<Arc<Lexicon>>, ActionError> {
    let version = lexicon::version(tx).await?;
    if version == 0 {
        return Ok(None);
    }
    let held = || instance.lexicon.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, words)) = held().as_ref()
        && *known == version
    {
        return Ok(words.clone());
    }
    let (added, version) = lexicon::find(tx).await?;
    let words = compiled(added).map(Arc::new);
    *held() = Some((version, words.clone()));
    Ok(words)
}

fn compiled(mut added: Vec<Addition>) -> Option<Lexicon> {
    while !added.is_empty() {
        match additions::lexicon_with(&added) {
            Ok(words) => return Some(words),
            Err(refused) => {
                tracing::warn!(
                    "an added word is left out: {refused}; see `countersign lexicon list`"
                );
                added.remove(refused.index().min(added.len() - 1));
            }
        }
    }
    None
}

pub async fn find(instance: &Instance) -> Result<(Vec<Addition>, i64), ActionError> {
    let mut tx = instance.store.read().await?;
    Ok(lexicon::find(&mut tx).await?)
}

/// Puts `new` in the place of version `seen`.
pub async fn update(instance: &Instance, new: &[Addition], seen: i64) -> Result<i64, ActionError> {
    additions::lexicon_with(new).map_err(|refused| {
        let field = format!("/additions/{}/pattern", refused.index());
        ActionError::Invalid(vec![FieldProblem::new(field, refused.to_string())])
    })?;
    let mut tx = instance.store.begin().await?;
    let (old, _) = lexicon::find(&mut tx).await?;
    if !lexicon::update(&mut tx, new, seen).await? {
        return Err(ActionError::Changed { what: "lexicon", name: "instance".to_owned() });
    }
    let mut story = Story::default();
    let facts = json!({"additions": new.len(), "version": seen + 1});
    let private = json!({"before": old, "after": new});
    story.tell(instance, Kind::LexiconChanged, None, facts, Some(private));
    story.commit(tx).await?;
    Ok(seen + 1)
}
