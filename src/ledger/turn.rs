//! Whose turn it is: one host's limits, kept by all the runs that work on it.
//!
//! A token is drawn at the instant it is used, never ahead: GCRA's promise is about starts, and a slot that was taken
//! beforehand and used late lets two starts come closer together than the rate allows. So that nobody has to poll, or is
//! always second, a run that is refused is given a place in the line and the time of its slot. Until a moment after that time the
//! others leave the slot to it; a run that died is missed for that moment, once.
//!
//! Each run has buckets of its own, one a rate. While its owner is at work on the host, *every* run draws from and obeys a
//! bucket, so the strictest limit holds for all together, also where runs were given different ones or have learned different
//! ones. Of an owner that is gone only the debt is left: nobody starts before its bucket allows, and a new bucket of the same
//! rate begins where that one ended.

use std::num::NonZeroU32;

use rusqlite::{Connection, Row, params};

use super::{HOUR, SECOND};
use crate::policy::Rate;

/// How long after the promised time a run is still waited for: more than its loop takes to wake up, less than anyone would
/// notice.
pub(super) const GRACE: i64 = SECOND / 4;
/// How long after its last request, with two of its periods, a run counts as being at work on the host.
const LINGER: i64 = 60 * SECOND;
/// A bucket that takes longer to fill is as good as one that never does, and no sum overflows.
const CENTURY: i64 = 100 * 365 * 24 * HOUR;

/// One rate of one run: the theoretical arrival time of GCRA, and what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket {
    run: i64,
    nth: i64,
    period: i64,
    /// How far the arrival time may be ahead: the burst, less one, in periods.
    slack: i64,
    tat: i64,
    /// When its owner last asked.
    named: i64,
}

impl Bucket {
    /// As it is in the file, and so perhaps from a time when the clock was wrong.
    fn read(row: &Row<'_>, now: i64) -> rusqlite::Result<Self> {
        let (period, slack): (i64, i64) = (row.get(2)?, row.get(3)?);
        let bucket = Self {
            run: row.get(0)?,
            nth: row.get(1)?,
            period: period.clamp(1, CENTURY),
            slack: slack.clamp(0, CENTURY),
            tat: row.get(4)?,
            named: row.get(5)?,
        };
        Ok(bucket.clamped(now))
    }

    /// No bucket owes more than it holds: the clock was set back. Or another run, which asked a moment later, had the file first.
    fn clamped(self, now: i64) -> Self {
        let most = now.saturating_add(self.slack).saturating_add(self.period);
        if self.tat > most.saturating_add(SECOND) { Self { tat: most, ..self } } else { self }
    }

    /// Whether its owner is at work on the host.
    fn is_live(&self, now: i64) -> bool {
        let linger = LINGER.saturating_add(self.period.saturating_mul(2));
        now.abs_diff(self.named) < linger.unsigned_abs()
    }

    /// When it has a token for the one after `ahead` others.
    fn next(&self, now: i64, ahead: i64) -> i64 {
        if self.is_live(now) {
            self.tat.max(now).saturating_add(self.period.saturating_mul(ahead)).saturating_sub(self.slack)
        } else {
            self.tat.saturating_sub(self.slack)
        }
    }

    /// Gives it another rate. What it owes is counted in the new periods.
    fn set(&mut self, (period, slack): (i64, i64), now: i64) {
        if (self.period, self.slack) != (period, slack) {
            let tat = if self.tat > now { self.tat.saturating_add(period.saturating_sub(self.period)) } else { self.tat };
            *self = Self { period, slack, tat, ..*self }.clamped(now);
        }
        self.named = now;
    }
}

/// A run's place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claim {
    run: i64,
    place: i64,
    at: i64,
}

/// Draws a token from every bucket, or says when to ask again.
pub(super) fn reserve(
    file: &Connection,
    (run, key): (i64, &str),
    rates: &[Rate],
    burst: NonZeroU32,
    (not_before, now): (i64, i64),
) -> rusqlite::Result<Option<i64>> {
    let mut buckets = buckets(file, key, now)?;
    let over = renew(&mut buckets, run, rates, burst, now);
    let (mut ahead, mine, last) = line(file, key, run, now)?;
    let at = earliest(&buckets, &mut ahead, not_before, now);
    let granted = at <= now;
    for bucket in over {
        let sql = "DELETE FROM bucket WHERE key = ? AND run = ? AND nth = ?";
        file.prepare_cached(sql)?.execute(params![key, bucket.run, bucket.nth])?;
    }
    for bucket in &mut buckets {
        let is_drawn = granted && bucket.is_live(now);
        if is_drawn {
            bucket.tat = bucket.tat.max(now).saturating_add(bucket.period);
        }
        if is_drawn || bucket.run == run {
            let sql = "REPLACE INTO bucket (key, run, nth, period, slack, tat, named) VALUES (?, ?, ?, ?, ?, ?, ?)";
            let values = params![key, bucket.run, bucket.nth, bucket.period, bucket.slack, bucket.tat, bucket.named];
            file.prepare_cached(sql)?.execute(values)?;
        }
    }
    if granted {
        file.prepare_cached("DELETE FROM turn WHERE key = ? AND run = ?")?.execute(params![key, run])?;
    } else {
        let place = mine.unwrap_or(last.saturating_add(1));
        let sql = "REPLACE INTO turn (key, run, place, at) VALUES (?, ?, ?, ?)";
        file.prepare_cached(sql)?.execute(params![key, run, place, at])?;
    }
    Ok((!granted).then_some(at))
}

/// Gives up everything of a run, but not what it owes.
pub(super) fn release(file: &Connection, run: i64) -> rusqlite::Result<()> {
    file.execute("DELETE FROM turn WHERE run = ?", [run])?;
    file.execute("UPDATE bucket SET named = 0 WHERE run = ?", [run])?;
    Ok(())
}

/// Forgets buckets that are full and places whose time is over, some thousands at most.
pub(super) fn prune(file: &Connection, now: i64) -> rusqlite::Result<()> {
    let full = "(tat <= ?1 OR tat > ?1 + slack + period + ?3) AND abs(?1 - named) >= ?2 + 2 * period";
    let sql = format!(
        "DELETE FROM bucket WHERE (key, run, nth) IN (SELECT key, run, nth FROM bucket WHERE {full} LIMIT {})",
        super::PRUNED
    );
    file.execute(&sql, params![now, LINGER, HOUR])?;
    let sql = format!("DELETE FROM turn WHERE (key, run) IN (SELECT key, run FROM turn WHERE at < ? LIMIT {})", super::PRUNED);
    file.execute(&sql, [now.saturating_sub(GRACE)])?;
    Ok(())
}

fn buckets(file: &Connection, key: &str, now: i64) -> rusqlite::Result<Vec<Bucket>> {
    let mut query = file.prepare_cached("SELECT run, nth, period, slack, tat, named FROM bucket WHERE key = ?")?;
    query.query_map([key], |row| Bucket::read(row, now))?.collect()
}

/// Makes the run's own buckets those of its rates; returns, and takes out, those that are of no more use.
fn renew(buckets: &mut Vec<Bucket>, run: i64, rates: &[Rate], burst: NonZeroU32, now: i64) -> Vec<Bucket> {
    for (nth, rate) in (0_i64..).zip(rates) {
        let period = i64::try_from(rate.period().as_nanos()).unwrap_or(CENTURY).clamp(1, CENTURY);
        let slack = period.saturating_mul(i64::from(burst.get()) - 1).min(CENTURY);
        if let Some(own) = buckets.iter_mut().find(|bucket| (bucket.run, bucket.nth) == (run, nth)) {
            own.set((period, slack), now);
        } else {
            let same = buckets.iter().filter(|bucket| bucket.period == period).map(|bucket| bucket.tat);
            let tat = same.max().unwrap_or(now);
            buckets.push(Bucket { run, nth, period, slack, tat, named: now }.clamped(now));
        }
    }
    let count = i64::try_from(rates.len()).unwrap_or(i64::MAX);
    let is_over = |bucket: &mut Bucket| {
        if bucket.run == run { bucket.nth >= count } else { bucket.tat <= now && !bucket.is_live(now) }
    };
    buckets.extract_if(.., is_over).collect()
}

/// Those ahead of the run in the line, its own place if it has one, and the last one. Those who did not come are struck off.
fn line(file: &Connection, key: &str, run: i64, now: i64) -> rusqlite::Result<(Vec<Claim>, Option<i64>, i64)> {
    let claims: Vec<Claim> = {
        let mut query = file.prepare_cached("SELECT run, place, at FROM turn WHERE key = ?")?;
        let read = |row: &Row<'_>| Ok(Claim { run: row.get(0)?, place: row.get(1)?, at: row.get(2)? });
        query.query_map([key], read)?.collect::<rusqlite::Result<_>>()?
    };
    let (mut live, gone): (Vec<_>, Vec<_>) = claims.into_iter().partition(|claim| claim.at.saturating_add(GRACE) >= now);
    for claim in gone.iter().filter(|claim| claim.run != run) {
        file.prepare_cached("DELETE FROM turn WHERE key = ? AND run = ?")?.execute(params![key, claim.run])?;
    }
    let last = live.iter().map(|claim| claim.place).max().unwrap_or(0);
    let mine = live.iter().find(|claim| claim.run == run).map(|claim| claim.place);
    live.retain(|claim| claim.run != run && mine.is_none_or(|mine| claim.place < mine));
    Ok((live, mine, last))
}

/// The earliest time, `now` or later, at which every bucket has a token that is promised to nobody ahead in the line.
fn earliest(buckets: &[Bucket], ahead: &mut [Claim], not_before: i64, now: i64) -> i64 {
    let slot = |ahead| buckets.iter().map(|bucket| bucket.next(now, ahead)).fold(now.max(not_before), i64::max);
    ahead.sort_unstable_by_key(|claim| claim.at);
    let mut count = 0;
    for claim in ahead {
        // Who comes so late that its slot is free although we take this one is not in the way.
        if claim.at >= slot(count + 1) {
            break;
        }
        count += 1;
    }
    slot(count)
}
