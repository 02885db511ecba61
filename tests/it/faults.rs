//! Every way of servers, networks, pages, lists and machines to misbehave that we know of, and the tests that prove what comes of it.

use std::collections::BTreeSet;
use std::path::Path;

/// A line a fault: its number, what happens, and the tests.
const FAULTS: &str = "\
1 | connect refused | a_refused_connection_is_tried_again
2 | SYN dropped | an_address_that_answers_nothing_is_waited_for_as_long_as_a_connection_may_take
3 | no such host | a_host_that_does_not_exist_is_asked_for_once a_name_that_does_not_exist_is_asked_for_once_and_one_that_may_is_asked_for_again
4 | a resolver that fails or is slow | a_name_that_does_not_exist_is_asked_for_once_and_one_that_may_is_asked_for_again a_lookup_that_never_ends_counts_as_time_for_the_connection a_resolver_of_the_system_that_never_comes_back_delays_no_exit lookups_that_hang_leave_threads_for_what_else_blocks
5 | IPv6 refused, IPv4 works | an_address_that_refuses_is_passed_over_at_once ipv4_does_not_wait_for_an_ipv6_that_answers_nothing addresses_that_answer_nothing_do_not_keep_from_the_one_that_does
6 | no way to an IPv6 address | an_ipv6_address_without_a_way_to_it_is_a_failed_connection_and_holds_nothing_up
7 | TLS to a plain port | tls_to_a_plain_port_fails_at_once a_server_that_breaks_the_handshake_off_is_heard
8 | a TLS handshake that hangs | a_handshake_that_hangs_times_out_and_is_tried_again
9 | a certificate that cannot be trusted | a_certificate_that_cannot_be_trusted_fails_at_once what_is_wrong_with_a_certificate_is_told_in_words_and_not_tried_again a_signature_that_is_no_longer_believed_is_told
10 | TLS that ends without saying so | a_body_whose_end_nobody_vouches_for_is_cut_short
11 | an end before any header | a_connection_that_ends_before_any_header_is_tried_again
12 | an idle connection that the server has closed | a_connection_that_the_server_closed_in_between_is_replaced_and_does_not_count a_closed_connection_is_replaced_by_a_new_one_and_not_by_the_next_that_may_be_closed
13 | a second reply that nobody asked for | a_second_answer_to_one_request_is_nobodys_page replies_that_nobody_asked_for_never_become_another_urls_page
14 | no descriptor left | few_descriptors_never_fail_a_url many_hosts_never_fail_a_url_for_want_of_descriptors a_low_soft_limit_is_raised used_up_ports_never_fail_a_url_and_waiting_for_one_costs_nothing
15 | no port left | used_up_ports_never_fail_a_url_and_waiting_for_one_costs_nothing
16 | a proxy that is dead | a_dead_proxy_is_named_and_tried_again
17 | accepts and never answers | a_server_that_does_not_finish_times_out_and_is_tried_again what_never_ends_is_over_after_its_attempts_and_their_pauses
18 | headers, then silence | a_server_that_does_not_finish_times_out_and_is_tried_again silence_between_bytes_has_a_limit_of_its_own
19 | headers that drip | a_server_that_does_not_finish_times_out_and_is_tried_again
20 | a body that drips | a_server_that_does_not_finish_times_out_and_is_tried_again a_body_that_drips_ends_with_the_whole_attempt a_body_slower_than_the_least_speed_is_a_timeout_that_says_so
21 | interim replies without end | a_server_that_does_not_finish_times_out_and_is_tried_again
22 | slow but fine | a_server_that_is_slow_but_fine_is_a_page
23 | the wall clock jumps | a_clock_that_jumps_changes_dates_only a_clock_that_was_set_back_costs_no_more_than_the_burst
24 | one slow host among fast ones | a_host_that_never_answers_keeps_only_its_own_share a_host_beside_a_slow_one_is_as_fast_as_it_would_be_alone ordered_records_of_a_waiting_host_hold_the_others_back_only_as_far_as_is_said
25 | a body without end | what_is_beyond_a_cap_fails_at_once memory_does_not_grow_with_an_endless_body two_hundred_endless_bodies_stay_within_their_budget
26 | a length of a hundred terabytes | what_is_beyond_a_cap_fails_at_once
27 | a bomb of gzip, brotli or zstd | a_bomb_is_stopped_at_the_cap_and_counted_decoded half_a_million_empty_members_are_a_matter_of_moments
28 | a zstd window beyond all measure | a_zstd_window_beyond_the_standards_is_refused
29 | gzip in gzip in gzip | every_coding_that_is_asked_for_is_understood a_coded_body_that_is_not_whole_is_never_a_page
30 | a header of a MiB | a_head_beyond_the_caps_is_too_large_and_one_of_hundreds_of_lines_is_not
31 | five thousand headers | a_head_beyond_the_caps_is_too_large_and_one_of_hundreds_of_lines_is_not
32 | headers without end | a_head_without_end_fails_at_once a_head_beyond_the_caps_is_too_large_and_one_of_hundreds_of_lines_is_not
33 | extensions and trailers of chunks without end | floods_around_chunks_end_at_a_cap
34 | a title of megabytes | a_title_of_megabytes_is_not_cut_silently
35 | a selector that matches half a million nodes | half_a_million_matches_are_a_list_and_one_more_is_a_failure
36 | an end amid the header | a_head_that_is_cut_short_is_tried_again
37 | an end amid the body | a_body_that_is_cut_short_is_never_a_page
38 | a reset of a body that ends with its connection | a_body_that_is_cut_short_is_never_a_page
39 | no last chunk | a_body_that_is_cut_short_is_never_a_page
40 | a chunk with a broken size | a_broken_chunk_is_broken_http a_chunk_that_is_none_is_told_in_words
41 | a length that is too small | a_body_longer_than_announced_ends_there_and_its_connection_with_it
42 | a length that is none, or two | what_is_not_http_fails_at_once a_length_that_is_none_is_told_in_words
43 | a length and chunks | where_chunks_and_a_length_are_announced_the_chunks_count
44 | coded data that is cut, damaged or not coded at all | a_coded_body_that_is_not_whole_is_never_a_page text_of_any_beginning_is_no_coded_body brotli_is_whole_or_nothing a_member_or_frame_that_is_cut_at_once_is_missed
45 | an unknown coding | an_unknown_coding_is_a_failure_that_names_it
46 | a coding without a body | a_body_that_is_not_there_needs_no_decoding
47 | no HTTP | what_is_not_http_fails_at_once a_status_line_that_is_none_is_told_in_words
48 | headers with NUL, without a colon, folded, in Latin-1 | a_header_that_is_none_is_told_in_words_or_passed_over
49 | 101, 204 with a body, a 206 or 304 that nobody asked for | what_was_not_asked_for_is_no_page_and_says_so an_answer_without_a_body_ends_where_its_head_does a_reply_that_nobody_asked_for_is_neither_a_page_nor_waited_for
50 | fifty interim replies, then a page | an_interim_answer_is_no_answer a_server_that_is_slow_but_fine_is_a_page
51 | HTTP/2 that resets, refuses, goes away, floods | a_request_that_the_server_says_it_never_began_is_sent_again_and_does_not_count a_request_that_the_server_breaks_off_is_tried_again a_body_that_the_server_breaks_off_is_cut_short_and_tried_again a_flood_of_frames_ends_in_time_and_within_bounds a_head_of_many_frames_is_a_page_up_to_the_cap
52 | a status that stays | a_status_is_tried_again_only_where_that_can_help
53 | a status that passes | a_status_is_tried_again_only_where_that_can_help
54 | Retry-After in seconds | retry_after_in_seconds_is_waited_for the_whole_host_waits_and_no_other
55 | Retry-After as a date | retry_after_as_a_date_is_waited_for_and_one_that_has_passed_is_not the_three_forms_of_a_date_are_read
56 | Retry-After that is none | an_absurd_retry_after_is_harmless two_retry_afters_that_differ_say_nothing
57 | Retry-After of a year | a_retry_after_beyond_the_cap_is_cut_to_it an_absurd_retry_after_is_harmless a_wait_beyond_the_deadline_leaves_the_hosts_targets_and_ends_at_once
58 | retries in step | the_wait_doubles_up_to_its_cap_and_jitter_spreads_it_fully a_storm_of_retries_is_held_to_its_share
59 | redirects in a loop or without end | a_loop_ends_and_is_not_tried_again redirects_without_end_end_at_the_limit the_hops_of_a_redirect_share_one_timeout
60 | a redirect to another scheme | other_schemes_are_refused_and_nothing_is_opened
61 | a redirect to a private address | a_redirect_from_a_public_address_to_one_that_is_not_is_blocked_and_not_tried_again no_spelling_of_an_address_gets_past a_name_is_what_it_resolves_to of_a_name_with_both_only_the_public_addresses_are_dialled every_hop_is_looked_at_and_once_public_is_public_to_the_end a_kept_connection_to_a_listed_host_is_no_way_in listed_addresses_are_the_users_own_decision_unless_they_are_denied behind_a_proxy_an_address_in_the_url_is_still_looked_at
62 | a name that changes its address in between | a_name_that_changes_its_address_between_two_lookups_gains_nothing
63 | from https to http | a_redirect_from_https_to_http_is_followed_without_secrets_and_marked_in_the_log with_https_only_nothing_is_asked_for_over_http
64 | secrets across origins | secrets_stay_with_the_origin_they_were_given_for a_header_that_was_given_as_authorization_stays_too credentials_that_a_redirect_brings_along_are_not_the_users_and_not_sent a_user_is_told_to_the_listed_hosts_only what_a_line_gives_goes_to_its_own_origin_only a_body_never_crosses_to_another_origin
65 | a Location that is none | a_redirect_without_a_usable_target_is_a_failure an_empty_location_leads_to_where_it_was_asked_for_which_is_a_loop a_location_of_200_kilobytes_is_a_failure_that_is_not_tried_again_and_not_shown_whole a_location_in_raw_utf8_is_percent_encoded a_line_break_in_a_location_makes_no_header_of_ours an_encoded_line_break_stays_encoded
66 | 300 without a Location | a_choice_without_a_target_and_a_redirect_without_one_are_what_the_status_says
67 | cookies on the way | a_cookie_that_is_set_on_the_way_goes_nowhere without_being_asked_no_cookie_is_kept_for_a_hop_or_another_target a_jar_sends_them_back_and_holds_them_at_the_end
68 | rates and robots.txt of each hop | the_rate_is_never_exceeded_in_any_window_retries_and_redirects_included one_bucket_a_host_holds_every_request_to_it_wherever_it_came_from where_a_redirect_leads_has_to_be_allowed_too
69 | a million nested elements | a_page_made_to_stall_the_parser_does_not_stall_the_others memory_does_not_grow_with_markup_that_is_made_for_it a_flood_of_nesting_ends_at_once_as_too_large whatever_a_page_is_made_of_the_run_ends_in_time_and_within_300_mib_and_the_next_page_is_right
70 | sixty thousand attributes | a_tag_may_have_many_attributes_but_not_any_number memory_does_not_grow_with_markup_that_is_made_for_it whatever_a_page_is_made_of_the_run_ends_in_time_and_within_300_mib_and_the_next_page_is_right
71 | tags that make a parser search | floods_that_stay_shallow_end_as_data_or_within_the_time memory_does_not_grow_with_markup_that_is_made_for_it whatever_a_page_is_made_of_the_run_ends_in_time_and_within_300_mib_and_the_next_page_is_right
72 | a title, a comment, an attribute without end | a_page_of_unfinished_things_is_a_page floods_that_stay_shallow_end_as_data_or_within_the_time
73 | bytes that are no UTF-8 | a_page_in_another_charset_is_read_as_it_was_meant
74 | one charset here and another there | a_page_in_another_charset_is_read_as_it_was_meant
75 | UTF-16 | a_page_in_another_charset_is_read_as_it_was_meant
76 | NUL | no_nul_is_written_to_a_table_and_json_has_it_escaped
77 | a picture for a page | what_is_no_markup_has_all_fields_without_values
78 | nothing at all, with 200 | without_a_selector_the_title_is_extracted_and_null_where_there_is_none
79 | escapes for a terminal in a title | nothing_that_a_server_or_a_list_says_reaches_the_terminal_raw every_hostile_character_reads_back_as_itself
80 | a title that looks like a record | a_record_is_one_line_whatever_the_page_says json_logs_are_an_object_a_line
81 | a title that is a formula | formulas_are_data_only_when_that_is_asked_for
82 | characters beyond the common plane | a_record_is_one_line_whatever_the_page_says
83 | entities in entities | floods_that_stay_shallow_end_as_data_or_within_the_time
84 | lines that are no URLs | a_line_that_is_no_url_is_a_record_that_names_its_place_and_the_list_goes_on
85 | a mark, carriage returns, blanks, comments | a_list_may_have_a_mark_carriage_returns_blanks_comments_and_no_last_newline a_list_in_utf_16_breaks_the_run_and_is_told_what_to_do
86 | a line that is no UTF-8 | a_line_that_is_no_url_is_a_record_that_names_its_place_and_the_list_goes_on
87 | a line of megabytes, millions of lines | a_line_of_megabytes_is_a_record_that_shows_its_beginning memory_does_not_grow_with_the_list
88 | URLs that are listed again | repeated_urls_are_fetched_each_time_unless_they_are_to_be_unique the_same_url_with_another_body_is_no_repetition
89 | names in other scripts, users, fragments, blanks, dots | the_url_is_sent_as_the_standard_writes_it_and_without_its_fragment a_url_is_what_the_url_standard_makes_of_it a_secret_in_the_input_is_used_and_not_shown
90 | a list that never ends | records_stream_while_stdin_is_still_open
91 | a reader that goes away | a_reader_that_goes_away_ends_the_run_quietly a_reader_that_goes_away_is_noticed_while_a_page_is_slow
92 | a full disk | a_full_disk_ends_the_run_and_says_so a_disk_that_fills_up_leaves_whole_records whichever_operation_fails_every_file_has_the_records_that_were_shown_and_ends_after_a_whole_one a_run_whose_output_had_no_more_room_goes_on_once_there_is_some
93 | SIGINT and SIGTERM | the_first_signal_lets_what_is_in_flight_finish_and_starts_nothing_new the_second_signal_stops_at_once_and_what_was_written_stays_valid the_grace_time_is_the_longest_that_a_stop_waits
94 | SIGHUP | the_first_signal_lets_what_is_in_flight_finish_and_starts_nothing_new a_terminal_that_closes_does_not_end_what_nohup_started
95 | SIGKILL | a_run_that_is_killed_leaves_whole_records_but_for_the_last_one a_run_that_is_killed_at_any_instant_is_gone_on_with_to_one_whole_record_a_target the_disk_confirms_what_was_written_in_every_format
96 | another list, other fields | a_list_that_has_changed_is_gone_on_with_by_its_urls other_fields_are_refused_before_any_request_and_the_file_is_left_as_it_is an_existing_file_is_refused_before_any_request_and_left_as_it_is appending_to_a_table_with_other_columns_is_refused
97 | two runs with one output | a_second_run_on_one_output_stops_and_says_who_holds_it
98 | an output that cannot be written | an_output_that_cannot_be_opened_ends_the_run_before_any_request a_file_that_may_not_be_written_is_left_alone a_named_pipe_is_written_as_it_is standard_output_by_another_name_is_standard_output the_file_behind_a_link_is_the_one_that_is_replaced
99 | no HOME, no TERM, no locale, no stdin | it_works_as_from_cron it_works_with_none_of_the_three_standard_streams it_works_in_a_folder_that_is_gone there_is_no_colour_and_no_bar_where_stderr_is_no_terminal
100 | little memory | two_hundred_endless_bodies_stay_within_their_budget a_budget_without_room_for_one_body_is_a_usage_error bodies_on_one_connection_that_wait_for_memory_all_come_to_their_end
101 | a bug of ours in one page | a_panic_is_that_targets_row_and_the_run_goes_on a_panic_in_reading_a_page_is_the_row_of_that_page
102 | no thread to be had | where_no_thread_can_be_started_it_makes_do_or_says_so_before_any_request
";

/// How many there are.
const COUNT: usize = 102;

struct Fault {
    number: usize,
    tests: Vec<&'static str>,
}

fn faults() -> Vec<Fault> {
    let fault = |line: &'static str| {
        let mut parts = line.split('|').map(str::trim);
        let number = parts.next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no number: {line}"));
        assert!(parts.next().is_some_and(|what| !what.is_empty()), "nothing happens: {line}");
        Fault { number, tests: parts.next().unwrap_or_default().split_whitespace().collect() }
    };
    FAULTS.lines().map(fault).collect()
}

/// The names of all tests below a folder.
fn tests_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let code = std::fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in code.lines().map(str::trim) {
                let name =
                    line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ").and_then(|rest| rest.split('(').next());
                if let (true, Some(name)) = (is_test, name) {
                    names.insert(name.to_owned());
                }
                // Attributes and comments stand between a test's mark and its name.
                is_test = line.starts_with("#[test]") || line.starts_with("#[tokio::test") || is_test && name.is_none();
            }
        }
    }
}

#[test]
fn every_fault_has_a_test_that_is_there() {
    let faults = faults();
    assert_eq!(faults.iter().map(|fault| fault.number).collect::<Vec<_>>(), (1..=COUNT).collect::<Vec<_>>());
    let (mut names, folder) = (BTreeSet::new(), Path::new(env!("CARGO_MANIFEST_DIR")));
    for part in ["src", "tests/it"] {
        tests_below(&folder.join(part), &mut names);
    }
    assert!(names.contains("every_fault_has_a_test_that_is_there") && !names.contains("faults"), "{names:?}");
    for fault in &faults {
        assert!(!fault.tests.is_empty(), "fault {} has no test", fault.number);
        for test in &fault.tests {
            assert!(names.contains(*test), "fault {}: no test is called {test}", fault.number);
        }
    }
}
