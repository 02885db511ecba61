//! A server's certificate that was itself given as an authority's, and made as if it were one: what `openssl req -x509` makes for a
//! device. rustls takes no authority's certificate for a server's; here it is enough that it is the very same one, for this name,
//! and valid today. It was given by the user, so nobody else has a say in how it is written.

use std::time::SystemTime;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};

/// Checks the name and the time.
pub(super) fn verify(certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    let Some([not_before, not_after]) = validity(certificate) else { return Err(CertificateError::BadEncoding.into()) };
    if now < not_before {
        Err(CertificateError::NotValidYetContext { time: now, not_before }.into())
    } else if now > not_after {
        Err(CertificateError::ExpiredContext { time: now, not_after }.into())
    } else {
        Ok(())
    }
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// From when until when a certificate is valid (RFC 5280, section 4.1).
fn validity(certificate: &[u8]) -> Option<[UnixTime; 2]> {
    let (certificate, _) = item(certificate, SEQUENCE)?;
    let (mut fields, _) = item(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        fields = item(fields, VERSION)?.1;
    }
    // The serial number, the algorithm and the issuer stand before it.
    for _ in 0..3 {
        fields = item(fields, *fields.first()?)?.1;
    }
    let (validity, _) = item(fields, SEQUENCE)?;
    let (from, rest) = time(validity)?;
    Some([from, time(rest)?.0])
}

/// The content of the first item of some DER, if it is of this kind, and what follows it.
fn item(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let [own, first, rest @ ..] = der else { return None };
    let long = usize::from(first & 0x7f);
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => (rest.get(..long)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), &rest[long..]),
        _ => return None,
    };
    rest.split_at_checked(length).filter(|_| *own == kind)
}

/// The time that some DER begins with, and what follows it.
fn time(der: &[u8]) -> Option<(UnixTime, &[u8])> {
    let kind = *der.first()?;
    let (text, rest) = item(der, kind)?;
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
    let text = match (kind, text.len()) {
        // Two digits of the year, of 1950 to 2049.
        (UTC_TIME, 13) => format!("{}{text}", if text < "5" { "20" } else { "19" }),
        (GENERALIZED_TIME, 15) => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| &text[from..to];
    let (date, clock) = ([part(0, 4), part(4, 6), part(6, 8)].join("-"), [part(8, 10), part(10, 12), part(12, 14)].join(":"));
    let time = humantime::parse_rfc3339(&format!("{date}T{clock}{}", &text[14..])).ok()?;
    Some((UnixTime::since_unix_epoch(time.duration_since(SystemTime::UNIX_EPOCH).ok()?), rest))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(from: i32, to: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn at(year: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_hours(24 * ((year - 1970) * 365 + (year - 1969) / 4)))
    }

    #[test]
    fn it_is_believed_for_its_name_in_its_time() {
        // With years in two digits, and in four.
        for (from, to) in [(2020, 2040), (2020, 2060), (2055, 2060)] {
            let own = certificate(from, to);
            let check = |name: &'static str, year: u64| verify(&own, &name.try_into().unwrap(), at(year));
            let (from, to) = (u64::try_from(from).unwrap(), u64::try_from(to).unwrap());
            assert_eq!(validity(&own), Some([at(from), at(to)]));
            assert_eq!(check("a.example", from + 1), Ok(()));
            assert!(check("b.example", from + 1).is_err());
            let bad = |result| match result {
                Err(Error::InvalidCertificate(bad)) => bad,
                other => panic!("{other:?}"),
            };
            assert!(matches!(bad(check("a.example", from - 1)), CertificateError::NotValidYetContext { .. }));
            assert!(matches!(bad(check("a.example", to + 1)), CertificateError::ExpiredContext { .. }));
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_time() {
        let own = certificate(2020, 2040);
        for end in 0..200 {
            assert_eq!(validity(&own[..end]), None, "{end}");
        }
        for at in 0..own.len().min(300) {
            let mut damaged = own.to_vec();
            damaged[at] ^= 0xff;
            let _ = validity(&damaged);
        }
        assert_eq!(time(b"\x17\x0d9913010000003"), None);
        assert_eq!(time(b"\x18\x0f2020010100000Z"), None);
    }
}
