//! Why there is no secure connection, in words.

use std::time::{Duration, SystemTime};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription as Alert, CertificateError as Bad, Error, OtherError, PeerIncompatible};

use super::shortened;
use crate::fetch::tls::{MinTls, SelfSigned, UnknownIssuer};
use crate::fetch::{Settings, TlsSettings};
use crate::model::Clean;

/// As many names of a certificate are told.
const NAMES: usize = 5;

/// What went wrong, and what to do about it.
pub(super) fn words(error: &Error, settings: &Settings) -> String {
    let tls = &settings.tls;
    match error {
        Error::InvalidCertificate(bad) => certificate(bad),
        Error::InvalidMessage(_) => "nothing there speaks TLS: is it http:// that is meant?".to_owned(),
        Error::AlertReceived(alert) => refusal(*alert, tls),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => too_old(tls),
        other => other.to_string(),
    }
}

/// Whether a server says that it does not want us, and not that something broke on the way.
pub(super) fn is_refusal(error: &Error) -> bool {
    let Error::AlertReceived(alert) = error else { return false };
    !matches!(
        alert,
        Alert::CloseNotify
            | Alert::UnexpectedMessage
            | Alert::BadRecordMac
            | Alert::RecordOverflow
            | Alert::DecodeError
            | Alert::InternalError
            | Alert::UserCanceled
    )
}

/// What is wrong with a server's certificate.
fn certificate(bad: &Bad) -> String {
    match bad {
        Bad::ExpiredContext { not_after, .. } => format!("its certificate expired on {}", date(*not_after)),
        Bad::Expired => "its certificate has expired".to_owned(),
        Bad::NotValidYetContext { not_before, .. } => {
            format!("its certificate is not valid before {}: is the clock of this machine right?", date(*not_before))
        }
        Bad::NotValidYet => "its certificate is not valid yet: is the clock of this machine right?".to_owned(),
        Bad::NotValidForNameContext { expected, presented } => {
            format!("its certificate is not for {} but for {}", expected.to_str(), names(presented))
        }
        Bad::NotValidForName => "its certificate is for another host".to_owned(),
        Bad::UnknownIssuer => unknown_issuer(None),
        Bad::Revoked => "its certificate was revoked".to_owned(),
        Bad::BadSignature => "the signature of its certificate is wrong".to_owned(),
        Bad::UnsupportedSignatureAlgorithmContext { .. } | Bad::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its certificate is signed in a way that is no longer believed, such as with SHA-1".to_owned()
        }
        Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. } => "its certificate is not one for a server".to_owned(),
        Bad::BadEncoding => "its certificate is damaged".to_owned(),
        Bad::Other(OtherError(inner)) => {
            if inner.is::<SelfSigned>() {
                "its certificate is self-signed: give it with --cacert to believe it, or believe everybody with -k".to_owned()
            } else if let Some(UnknownIssuer(name)) = inner.downcast_ref() {
                unknown_issuer(name.as_deref())
            } else {
                format!("its certificate cannot be used: {inner}")
            }
        }
        other => format!("its certificate cannot be used: {other}"),
    }
}

fn unknown_issuer(name: Option<&str>) -> String {
    let by = name.map_or_else(String::new, |name| format!(", {name:?}"));
    format!("its certificate was signed by an authority that is not known{by}: give the certificate of that one with --cacert")
}

/// The names that a certificate is for, as rustls writes them: `DnsName("a.example")`, `IpAddress(127.0.0.1)`.
fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "no name at all".to_owned();
    }
    let bare = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        Clean(inner.trim_matches('"')).to_string()
    };
    let more = presented.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    shortened(presented.iter().take(NAMES).map(bare).collect::<Vec<_>>().join(", ")) + &more
}

fn date(time: UnixTime) -> String {
    // Later ones have years of more than four digits, which cannot be written.
    const END: u64 = 253_402_300_800;
    let time = Some(time.as_secs())
        .filter(|seconds| *seconds < END)
        .map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let day = time.map(|time| humantime::format_rfc3339_seconds(time).to_string()[..10].to_owned());
    day.unwrap_or_else(|| "a day that is hard to say".to_owned())
}

/// Why the server broke the handshake off.
fn refusal(alert: Alert, tls: &TlsSettings) -> String {
    match alert {
        Alert::ProtocolVersion => too_old(tls),
        Alert::UnrecognisedName => "the server there knows no host of this name".to_owned(),
        Alert::CertificateRequired | Alert::NoCertificate => {
            "the server wants to see a client certificate: give one with --cert and --key".to_owned()
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::DecryptError
        | Alert::AccessDenied => {
            let sent = if tls.certificate.is_some() {
                "the one of --cert does not please it"
            } else {
                "if it wants one, give it with --cert and --key"
            };
            format!("the server refused our client certificate ({alert:?}): {sent}")
        }
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            let without = if tls.certificate.is_none() { ", or it wants a client certificate (--cert)" } else { "" };
            format!("the server broke off the handshake: it accepts none of our ciphers{without}")
        }
        Alert::InternalError => "the server broke off the handshake: it has an error of its own".to_owned(),
        other => format!("the server broke off the handshake: {other:?}"),
    }
}

fn too_old(tls: &TlsSettings) -> String {
    match tls.min_version {
        MinTls::V1_2 => "the server speaks only versions of TLS that are too old: 1.2 and 1.3 are spoken here".to_owned(),
        MinTls::V1_3 => "the server does not speak TLS 1.3, which --min-tls asks for".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_without_what_rustls_writes_around_them_and_not_all() {
        let written =
            ["DnsName(\"a.example\")", "IpAddress(127.0.0.1)", "odd", "x", "y", "z", "DnsName(\"b\")"].map(str::to_owned);
        assert_eq!(names(&written), "a.example, 127.0.0.1, odd, x, y and 2 more");
        assert_eq!(names(&[]), "no name at all");
        let hostile = names(&["x\n\u{1b}[2J".to_owned(), "y".repeat(9999)]);
        assert!(hostile.starts_with("x\\n\\u{1b}[2J, y") && hostile.len() < 400, "{hostile}");
    }

    #[test]
    fn whatever_the_day_it_is_told() {
        assert_eq!(date(UnixTime::since_unix_epoch(Duration::from_hours(271_752))), "2001-01-01");
        for seconds in [u64::MAX, 253_402_300_800] {
            assert!(date(UnixTime::since_unix_epoch(Duration::from_secs(seconds))).starts_with("a day"), "{seconds}");
        }
    }

    #[test]
    fn what_a_server_says_of_our_certificate_leads_to_the_flag() {
        let settings = Settings::default();
        for alert in [Alert::CertificateRequired, Alert::UnknownCA, Alert::HandshakeFailure] {
            let told = words(&Error::AlertReceived(alert), &settings);
            assert!(told.contains("--cert"), "{told}");
        }
        assert!(words(&Error::AlertReceived(Alert::UnrecognisedName), &settings).contains("no host of this name"));
        let old = words(&Error::AlertReceived(Alert::ProtocolVersion), &settings);
        assert!(old.contains("too old"), "{old}");
    }

    #[test]
    fn a_signature_that_is_no_longer_believed_is_told() {
        let bad = Bad::UnsupportedSignatureAlgorithmContext { signature_algorithm_id: vec![], supported_algorithms: vec![] };
        assert!(certificate(&bad).contains("SHA-1"));
    }
}
