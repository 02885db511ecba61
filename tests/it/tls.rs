//! Secure connections: who is believed, what is shown to a server, and why there is none, in words.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::harness::{Authority, Leaf, Reply, Run, Site, Work, field, scrape, signed_with_sha1, thread};

const RETRYING: &str = "--retries 2 --backoff 1ms";

fn page(site: Site) -> Site {
    site.page("/x", Reply::title("secure"));
    site
}

/// The message of a run's one record, which failed with `tls` at its first attempt.
#[track_caller]
fn refused(run: Run) -> String {
    let record = run.code(3).record();
    assert_eq!((field(&record, "error"), field(&record, "attempts")), (&json!("tls"), &json!(1)), "{record}");
    field(&record, "error_message").as_str().unwrap().to_owned()
}

#[track_caller]
fn title(run: Run) -> Value {
    field(&run.code(0).record(), "data.title").clone()
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_in_words_and_not_tried_again() {
    let authority = Authority::new();
    for (leaf, parts) in [
        (Leaf::Expired, ["expired on 2001-01-01", ""]),
        (Leaf::NotYet, ["not valid before 2090-01-01", "clock"]),
        (Leaf::OtherHost, ["not for 127.0.0.1 but for other.test", ""]),
        (Leaf::SelfSigned, ["self-signed: give it with --cacert", "-k"]),
        (Leaf::OwnAuthority, ["self-signed: give it with --cacert", "-k"]),
    ] {
        let site = page(Site::tls(&authority, leaf));
        let run = scrape(RETRYING).arg("--cacert").arg(authority.file()).arg(site.url("/x")).run();
        let told = refused(run);
        assert!(parts.iter().all(|part| told.contains(part)), "{leaf:?}: {told}");
        assert_eq!((site.hits().len(), site.connections()), (0, 1), "{leaf:?}");
        assert_eq!(title(scrape("-k").arg(site.url("/x")).run()), "secure", "-k believes everybody");
    }
    let site = page(Site::tls(&authority, Leaf::Good));
    let told = refused(scrape(RETRYING).arg(site.url("/x")).run());
    assert!(told.contains("\"The Test Authority\"") && told.contains("--cacert"), "{told}");
}

#[test]
fn a_signature_that_is_no_longer_believed_is_told() {
    let (config, authority) = signed_with_sha1();
    let site = page(Site::secure(config));
    let told = refused(scrape(RETRYING).arg("--cacert").arg(authority).arg(site.url("/x")).run());
    assert!(told.contains("SHA-1"), "{told}");
}

#[test]
fn authorities_of_files_are_trusted_beside_those_of_the_system() {
    let [one, two, system] = [(); 3].map(|()| Authority::new());
    let sites = [&one, &two, &system].map(|authority| page(Site::tls(authority, Leaf::Good)));
    let list: String = sites.iter().map(|site| site.url("/x") + "\n").collect();
    let run = scrape("").arg("--cacert").arg(one.file()).arg("--cacert").arg(two.file());
    let run = run.env("SSL_CERT_FILE", system.file()).stdin(&list).run().code(0);
    assert_eq!(run.records().len(), 3);
    let work = Work::new();
    let both = [one.file(), two.file(), system.file()].map(|file| std::fs::read_to_string(file).unwrap()).concat();
    work.write("bundle.pem", format!("A comment.\n{both}"));
    assert_eq!(work.scrape("--cacert bundle.pem").stdin(&list).run().code(0).records().len(), 3);
}

#[test]
fn a_server_that_signed_its_certificate_itself_is_trusted_where_that_is_given() {
    for leaf in [Leaf::SelfSigned, Leaf::OwnAuthority] {
        let (config, certificate) = Authority::new().server_and_certificate(leaf);
        let (site, other) = (page(Site::secure(config)), page(Site::tls(&Authority::new(), leaf)));
        let work = Work::new();
        work.write("own.pem", certificate);
        let run = |url: String| work.scrape("--cacert own.pem").arg(url).run();
        assert_eq!(title(run(site.url("/x"))), "secure", "{leaf:?}");
        assert!(refused(run(other.url("/x"))).contains("self-signed"), "{leaf:?}");
    }
}

#[test]
fn http_needs_no_authorities_and_https_has_its_own() {
    let authority = Authority::new();
    let (plain, secure) = (page(Site::start()), page(Site::tls(&authority, Leaf::Good)));
    let bare = |flags| scrape(flags).env("SSL_CERT_FILE", "/nowhere/ca.pem").env("SSL_CERT_DIR", "/nowhere");
    assert_eq!(title(bare("").arg(plain.url("/x")).run()), "secure");
    let told = refused(bare(RETRYING).arg(secure.url("/x")).run());
    assert!(told.contains("not known"), "Mozilla's are there: {told}");
    assert_eq!(title(bare("").arg("--cacert").arg(authority.file()).arg(secure.url("/x")).run()), "secure");
}

#[test]
fn a_file_that_cannot_be_used_is_told_before_the_first_request() {
    let authority = Authority::new();
    let site = page(Site::tls(&authority, Leaf::Good));
    let plain = page(Site::start());
    let ((cert, key), (_, other_key)) = (authority.client(), authority.client());
    let work = Work::new();
    work.write("empty.pem", "")
        .write("cert.pem", &cert)
        .write("key.pem", &key)
        .write("both.pem", format!("{cert}{key}"))
        .write("other.pem", other_key)
        .write("torn.pem", &cert[..cert.len() / 2])
        .write("noise.pem", cert.replace('\n', "\n!"))
        .write("junk.pem", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n")
        .write("locked.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED PRIVATE KEY-----\n")
        .write("odd.pem", "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n");
    for (flags, parts) in [
        ("--cacert missing.pem", ["--cacert missing.pem", "No such file"]),
        ("--cacert .", ["--cacert .", "irectory"]),
        ("--cacert empty.pem", ["--cacert empty.pem", "no certificate in it"]),
        ("--cacert key.pem", ["--cacert key.pem", "no certificate in it"]),
        ("--cacert torn.pem", ["--cacert torn.pem", "END CERTIFICATE"]),
        ("--cacert noise.pem", ["--cacert noise.pem", "no whole PEM file"]),
        ("--cacert junk.pem", ["--cacert junk.pem", "certificate 1 of it cannot be used"]),
        ("--cert missing.pem", ["--cert missing.pem", "No such file"]),
        ("--cert cert.pem", ["--cert cert.pem", "--key"]),
        ("--cert cert.pem --key missing.pem", ["--key missing.pem", "No such file"]),
        ("--cert cert.pem --key cert.pem", ["--key cert.pem", "no private key"]),
        ("--cert cert.pem --key other.pem", ["--key other.pem", "another certificate"]),
        ("--cert cert.pem --key locked.pem", ["--key locked.pem", "openssl pkey"]),
        ("--cert cert.pem --key odd.pem", ["--key odd.pem", "cannot be used"]),
        ("--key key.pem", ["--key", "--cert"]),
        ("--min-tls 1.1", ["--min-tls", "1.2"]),
    ] {
        let run = work.scrape(flags).arg(plain.url("/x")).run().code(2);
        assert!(parts.iter().all(|part| run.stderr.contains(part)), "{flags}: {}", run.stderr);
        assert_eq!(run.text(), "");
    }
    let habit = work.write("c.toml", "key = \"key.pem\"").scrape("--config c.toml").arg(plain.url("/x")).run().code(2);
    assert!(habit.stderr.contains("--cert"), "{}", habit.stderr);
    assert!(plain.hits().is_empty() && site.connections() == 0);
}

#[test]
fn a_server_that_asks_is_shown_the_certificate() {
    let authority = Authority::new();
    let (cert, key) = authority.client();
    let (strange, strange_key) = Authority::new().client();
    let work = Work::new();
    work.write("cert.pem", &cert).write("key.pem", &key).write("both.pem", format!("{key}{cert}"));
    work.write("strange.pem", strange + &strange_key);
    for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
        let site = page(Site::secure(authority.server_that(Leaf::Good, versions, true)));
        site.forgive();
        let run = |flags: &str| work.scrape(flags).arg("--cacert").arg(authority.file()).arg(site.url("/x")).run();
        for flags in ["--cert cert.pem --key key.pem", "--cert both.pem"] {
            assert_eq!(title(run(flags)), "secure", "{flags}");
        }
        let without = refused(run(RETRYING));
        assert!(without.contains("--cert"), "{without}");
        let with_another = refused(run(&format!("{RETRYING} --cert strange.pem")));
        assert!(with_another.contains("--cert"), "{with_another}");
        assert_eq!(site.hits().len(), 2);
    }
}

#[test]
fn the_oldest_version_is_kept() {
    let authority = Authority::new();
    let old = page(Site::secure(authority.server_that(Leaf::Good, &[&rustls::version::TLS12], false)));
    let new = page(Site::tls(&authority, Leaf::Good));
    let run = |flags: &str, site: &Site| scrape(flags).arg("--cacert").arg(authority.file()).arg(site.url("/x")).run();
    assert_eq!(title(run("", &old)), "secure");
    assert_eq!(title(run("--min-tls 1.3", &new)), "secure");
    let told = refused(run(&format!("{RETRYING} --min-tls 1.3"), &old));
    assert!(told.contains("does not speak TLS 1.3") && told.contains("--min-tls"), "{told}");
}

/// A server that takes connections and does as it is told with each.
fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    drop(thread("server", move || {
        while let Ok((stream, _)) = listener.accept() {
            let serve = Arc::clone(&serve);
            drop(thread("connection", move || serve(stream)));
        }
    }));
    format!("https://{address}/x")
}

/// Answers the handshake with these bytes.
fn answering(bytes: &'static [u8]) -> String {
    server(move |mut stream| {
        let mut hello = [0; 4096];
        if stream.read(&mut hello).is_ok() && stream.write_all(bytes).is_ok() {
            let _ = stream.shutdown(std::net::Shutdown::Write);
            // Until the client has read it: to close earlier might reset.
            let _ = stream.read(&mut hello);
        }
    })
}

#[test]
fn a_server_that_breaks_the_handshake_off_is_heard() {
    for (alert, part) in [
        (&[21, 3, 3, 0, 2, 2, 70], "too old"),
        (&[21, 3, 3, 0, 2, 2, 112], "no host of this name"),
        (&[21, 3, 3, 0, 2, 2, 40], "none of our ciphers"),
        (&[21, 3, 3, 0, 2, 2, 116], "--cert"),
        (&[21, 3, 3, 0, 2, 2, 80], "error of its own"),
    ] {
        let told = refused(scrape(RETRYING).arg(answering(alert)).run());
        assert!(told.contains(part), "{told}");
    }
    let told = refused(scrape(RETRYING).arg(answering(b"HTTP/1.1 400 Bad Request\r\n\r\nplain http to a tls port")).run());
    assert!(told.contains("http://"), "{told}");
}

#[test]
fn a_handshake_that_is_cut_short_may_be_tried_again() {
    let record = scrape(RETRYING).arg(answering(b"")).run().code(3).record();
    assert_eq!((field(&record, "error"), field(&record, "attempts")), (&json!("connect"), &json!(3)), "{record}");
    assert!(field(&record, "error_message").as_str().unwrap().contains("TLS handshake"), "{record}");
}

#[test]
fn a_handshake_that_hangs_times_out_and_is_tried_again() {
    let (sender, seen) = std::sync::mpsc::sync_channel(9);
    let url = server(move |mut stream| {
        sender.send(()).unwrap();
        // Until the client gives up.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    for flags in ["--connect-timeout 200ms", "--timeout 200ms"] {
        let run = scrape(flags).args(["--retries", "1", "--backoff", "1ms"]).arg(&url).run().code(3);
        let record = run.record();
        assert_eq!((field(&record, "error"), field(&record, "attempts")), (&json!("timeout"), &json!(2)), "{record}");
        assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    }
    assert_eq!(seen.try_iter().count(), 4);
}

/// Answers requests over TLS with `head_and_body`, then ends the connection as it is told.
fn ending(config: Arc<ServerConfig>, head_and_body: &[u8], end: fn(&mut StreamOwned<ServerConnection, TcpStream>)) -> String {
    let head_and_body = head_and_body.to_vec();
    server(move |stream| {
        let mut wire = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        let mut request = [0; 4096];
        if wire.read(&mut request).is_ok() && wire.write_all(&head_and_body).and_then(|()| wire.flush()).is_ok() {
            end(&mut wire);
            let _ = wire.sock.shutdown(std::net::Shutdown::Write);
            let _ = wire.sock.read(&mut request);
        }
    })
}

const BODY_TO_THE_END: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>whole?</title>";

#[test]
fn a_body_whose_end_nobody_vouches_for_is_cut_short() {
    let authority = Authority::new();
    let config = authority.server(Leaf::Good);
    let run = |url: String| scrape(RETRYING).arg("--cacert").arg(authority.file()).arg(url).run();
    let whole = ending(Arc::clone(&config), BODY_TO_THE_END, |wire| {
        wire.conn.send_close_notify();
        wire.flush().unwrap();
    });
    assert_eq!(title(run(whole)), "whole?");
    let alert: fn(&mut StreamOwned<ServerConnection, TcpStream>) = |wire| {
        // No record of this session: the client cannot believe it.
        let _ = wire.sock.write_all(&[21, 3, 3, 0, 2, 2, 80]);
    };
    // So much that it does not arrive in one piece with what follows it.
    let long = [BODY_TO_THE_END, &vec![b'x'; 500_000]].concat();
    for end in [|_: &mut StreamOwned<ServerConnection, TcpStream>| {}, alert] {
        let record = run(ending(Arc::clone(&config), &long, end)).code(3).record();
        let expected = (&json!("body"), &json!(3), &json!(200));
        assert_eq!((field(&record, "error"), field(&record, "attempts"), field(&record, "status")), expected, "{record}");
    }
}
