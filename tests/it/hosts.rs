//! Single hosts that the settings file has rules for: their rates and places, in the site's log.

use crate::harness::{Gate, Reply, Site, Work};
use crate::pace::assert_paced;
use crate::polite::{mixed, site};

#[test]
fn a_host_has_the_rate_that_is_written_for_it_instead_of_that_of_all() {
    let (site, work) = (site(3), Work::new());
    let other = site.host(1);
    work.write("c.toml", format!("host-rps = 20\n[hosts.\"127.0.0.1\"]\nrps = 4\n[hosts.\"{other}\"]\nrps = []\n"));
    work.scrape("--config c.toml").stdin(mixed(&site, 3, 21)).run().code(0);
    assert_paced(&site.hits_at(0), 4.0, 1);
    assert_paced(&site.hits_at(2), 20.0, 1);
    assert!((0..3).all(|host| site.hits_at(host).len() == 7));
    let time = |host| {
        let hits = site.hits_at(host);
        hits[6].arrived.duration_since(hits[0].arrived)
    };
    assert!(time(1) < time(0) && time(2) < time(0), "{:?}", [time(0), time(1), time(2)]);
}

#[test]
fn what_is_typed_holds_for_it_too() {
    let (site, work) = (site(2), Work::new());
    work.write("c.toml", "[hosts.\"*\"]\nrps = 50\nper-host = 9\n[hosts.\"127.0.0.2\"]\nrps = 3\n");
    work.scrape("--config c.toml --host-rps 5 --per-host 1").stdin(mixed(&site, 2, 12)).run().code(0);
    assert_paced(&site.hits_at(0), 5.0, 1);
    assert_paced(&site.hits_at(1), 3.0, 1);
    assert_eq!(site.peak_of_a_host(), 1);
}

#[test]
fn several_rates_of_one_host_all_hold() {
    let (site, work) = (site(1), Work::new());
    work.write("c.toml", "burst = 3\n[hosts.\"*\"]\nrps = [\"20/s\", \"120/m\"]\n");
    work.scrape("--config c.toml").stdin(mixed(&site, 1, 9)).run().code(0);
    assert_paced(&site.hits(), 20.0, 3);
    assert_paced(&site.hits(), 2.0, 3);
}

#[test]
fn the_rate_of_the_run_holds_beside_it() {
    let (site, work) = (site(2), Work::new());
    work.write("c.toml", "rps = 8\n[hosts.\"127.0.0.1\"]\nrps = 1000\n");
    work.scrape("--config c.toml").stdin(mixed(&site, 2, 14)).run().code(0);
    assert_paced(&site.hits(), 8.0, 1);
}

#[test]
fn a_host_has_places_of_its_own() {
    let (site, work) = (Site::hosts(2), Work::new());
    let gate = Gate::default();
    let held = gate.clone();
    site.on("/p/*", move |request| Reply::title(&request.path).behind(&held));
    work.write("c.toml", "per-host = 3\n[hosts.\"127.0.0.1\"]\nper-host = 1\n");
    let live = work.scrape("--config c.toml -c 40").stdin(mixed(&site, 2, 20)).spawn();
    site.wait_for_hits(4);
    gate.open();
    live.end().code(0);
    let peak = |host| site.hits_at(host).iter().map(|hit| hit.flying_of_host).max();
    assert_eq!((peak(0), peak(1)), (Some(1), Some(3)));
}

#[test]
fn names_are_found_by_the_most_specific_pattern() {
    let (proxy, work) = (Site::proxy(), Work::new());
    proxy.on("/p/*", |request| Reply::title(&request.path));
    let text = "[hosts.\"*.shop.example\"]\nrps = 5\n[hosts.\"big.shop.example\"]\nrps = 50\n[hosts.\"*.example\"]\nrps = 10\n";
    work.write("c.toml", text);
    let names = ["a.shop.example", "big.shop.example", "shop.example"];
    let list = (0..15).map(|page| format!("http://{}/p/{page}", names[page % 3])).collect::<Vec<_>>().join("\n");
    work.scrape("--config c.toml").through(&proxy).stdin(list).run().code(0);
    for (name, rate) in names.into_iter().zip([5.0, 50.0, 10.0]) {
        let mut hits = proxy.hits();
        hits.retain(|hit| hit.request.host() == name);
        assert_eq!(hits.len(), 5, "{name}");
        assert_paced(&hits, rate, 1);
    }
}

#[test]
fn a_group_has_the_rule_of_its_own_name() {
    let (proxy, work) = (Site::proxy(), Work::new());
    proxy.on("/p/*", |request| Reply::title(&request.path));
    work.write("c.toml", "limit-by = \"site\"\nhost-rps = 100\n[hosts.\"shop.example\"]\nrps = 5\n");
    let list =
        (0..6).map(|page| format!("http://{}.shop.example/p/{page}", ["a", "b", "c"][page % 3])).collect::<Vec<_>>().join("\n");
    work.scrape("--config c.toml").through(&proxy).stdin(list).run().code(0);
    assert_eq!(proxy.hits().len(), 6);
    assert_paced(&proxy.hits(), 5.0, 1);
}
#[test]
fn a_rule_for_a_members_name_holds_in_a_group_too() {
    let (proxy, work) = (Site::proxy(), Work::new());
    proxy.on("/p/*", |request| Reply::title(&request.path));
    work.write("c.toml", "limit-by = \"site\"\n[hosts.\"a.shop.example\"]\nrps = 5\nper-host = 1\n");
    let list: Vec<_> = (0..5).map(|page| format!("http://a.shop.example/p/{page}")).collect();
    let list = list.join("\n");
    work.scrape("--config c.toml").through(&proxy).stdin(list).run().code(0);
    assert_paced(&proxy.hits(), 5.0, 1);
}
