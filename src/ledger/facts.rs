//! What is known of a host: its safe rate, until when it asked to be left alone, its robots.txt.

use rusqlite::{Connection, OptionalExtension, params};

use super::{DAY, HOUR, Known, PRUNED, Robots, time};

/// How long a learned rate is worth something without a contact.
const RATE_KEPT: i64 = 7 * DAY;
/// How long a robots.txt may be used (RFC 9309, section 2.4).
const ROBOTS_KEPT: i64 = DAY;
/// How much of a robots.txt is kept: what counts of it, and one byte more that tells that it goes on.
const ROBOTS_MOST: usize = crate::policy::robots::MAX_BYTES + 1;
/// For how long a host is left alone at most.
const HELD_OFF: i64 = DAY;

/// Whether something that was written at a time is that young. What lies in the future, by more than a clock is set right by,
/// was written by a clock that was wrong: nothing is known of its age.
fn is_fresh(then: i64, kept: i64, now: i64) -> bool {
    then > now.saturating_sub(kept) && then <= now.saturating_add(HOUR)
}

/// As much of a wait as is heeded, from when the host was seen the last time.
fn heeded(until: i64, seen: i64, heed: i64) -> i64 {
    until.min(seen.saturating_add(heed))
}

/// A time to wait for, if it is to come and can have been meant.
fn ahead(until: i64, now: i64) -> Option<i64> {
    (until > now && until <= now.saturating_add(HELD_OFF + HOUR)).then_some(until)
}

pub(super) fn known(file: &Connection, key: &str, heed: i64, now: i64) -> rusqlite::Result<Option<Known>> {
    let mut query = file.prepare_cached("SELECT seen, not_before, rate FROM host WHERE key = ?")?;
    let row = query.query_row([key], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, Option<f64>>(2)?))).optional()?;
    Ok(row.and_then(|(seen, not_before, rate)| {
        let not_before = ahead(heeded(not_before, seen, heed), now).map(time);
        let rate = rate.filter(|rate| is_fresh(seen, RATE_KEPT, now) && rate.is_finite() && *rate > 0.0);
        (not_before.is_some() || rate.is_some()).then_some(Known { not_before, rate })
    }))
}

/// Until when the host asked to be left alone; a time that has passed if it did not.
pub(super) fn not_before(file: &Connection, key: &str, heed: i64, now: i64) -> rusqlite::Result<i64> {
    let mut query = file.prepare_cached("SELECT not_before, seen FROM host WHERE key = ?")?;
    let until = query.query_row([key], |row| Ok(heeded(row.get(0)?, row.get(1)?, heed))).optional()?;
    Ok(until.and_then(|until| ahead(until, now)).unwrap_or(0))
}

pub(super) fn hold_off(file: &Connection, key: &str, until: i64, now: i64) -> rusqlite::Result<()> {
    let until = until.min(now.saturating_add(HELD_OFF)).max(not_before(file, key, i64::MAX, now)?);
    let sql = "INSERT INTO host (key, seen, not_before) VALUES (?, ?, ?)
               ON CONFLICT DO UPDATE SET seen = excluded.seen, not_before = excluded.not_before";
    file.prepare_cached(sql)?.execute(params![key, now, until])?;
    Ok(())
}

pub(super) fn learn(file: &Connection, key: &str, rate: Option<f64>, now: i64) -> rusqlite::Result<()> {
    let rate = rate.filter(|rate| rate.is_finite() && *rate > 0.0);
    let sql = "INSERT INTO host (key, seen, not_before, rate) VALUES (?, ?, 0, ?)
               ON CONFLICT DO UPDATE SET seen = excluded.seen, rate = excluded.rate";
    file.prepare_cached(sql)?.execute(params![key, now, rate])?;
    Ok(())
}

pub(super) fn robots(file: &Connection, origin: &str, now: i64) -> rusqlite::Result<Option<Robots>> {
    let mut query = file.prepare_cached("SELECT fetched, text FROM robots WHERE origin = ?")?;
    let row = query.query_row([origin], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
    let row = row.filter(|(fetched, _)| is_fresh(*fetched, ROBOTS_KEPT, now));
    Ok(row.map(|(fetched, text)| Robots { text, fetched: time(fetched) }))
}

pub(super) fn keep_robots(file: &Connection, origin: &str, text: Option<&[u8]>, fetched: i64) -> rusqlite::Result<()> {
    let text = text.map(|text| &text[..text.len().min(ROBOTS_MOST)]);
    let sql = "REPLACE INTO robots (origin, fetched, text) VALUES (?, ?, ?)";
    file.prepare_cached(sql)?.execute(params![origin, fetched, text])?;
    Ok(())
}

/// Forgets what has expired, some thousands at most.
pub(super) fn prune(file: &Connection, now: i64) -> rusqlite::Result<()> {
    let late = now.saturating_add(HOUR);
    let sql =
        format!("DELETE FROM robots WHERE rowid IN (SELECT rowid FROM robots WHERE fetched <= ? OR fetched > ? LIMIT {PRUNED})");
    file.execute(&sql, [now.saturating_sub(ROBOTS_KEPT), late])?;
    let past = "(not_before <= ?1 OR not_before > ?2) AND (rate IS NULL OR seen <= ?3 OR seen > ?4)";
    let sql = format!("DELETE FROM host WHERE key IN (SELECT key FROM host WHERE {past} LIMIT {PRUNED})");
    file.execute(&sql, [now, late.saturating_add(HELD_OFF), now.saturating_sub(RATE_KEPT), late])?;
    Ok(())
}
