//! Which extension the file of a media type has.

/// The extensions that are known. Part of the names of files that other runs look for, so they stay as they are: hence no crate's table.
const KNOWN: &[(&str, &str)] = &[
    ("application/atom+xml", "xml"),
    ("application/epub+zip", "epub"),
    ("application/gzip", "gz"),
    ("application/javascript", "js"),
    ("application/json", "json"),
    ("application/ld+json", "json"),
    ("application/msword", "doc"),
    ("application/ndjson", "jsonl"),
    ("application/pdf", "pdf"),
    ("application/rtf", "rtf"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/wasm", "wasm"),
    ("application/x-gzip", "gz"),
    ("application/x-javascript", "js"),
    ("application/x-ndjson", "jsonl"),
    ("application/x-pdf", "pdf"),
    ("application/x-tar", "tar"),
    ("application/x-zip-compressed", "zip"),
    ("application/xhtml+xml", "html"),
    ("application/xml", "xml"),
    ("application/yaml", "yaml"),
    ("application/zip", "zip"),
    ("audio/mp4", "m4a"),
    ("audio/mpeg", "mp3"),
    ("audio/ogg", "ogg"),
    ("audio/wav", "wav"),
    ("font/woff", "woff"),
    ("font/woff2", "woff2"),
    ("image/avif", "avif"),
    ("image/bmp", "bmp"),
    ("image/gif", "gif"),
    ("image/jpeg", "jpg"),
    ("image/jpg", "jpg"),
    ("image/png", "png"),
    ("image/svg+xml", "svg"),
    ("image/tiff", "tif"),
    ("image/vnd.microsoft.icon", "ico"),
    ("image/webp", "webp"),
    ("image/x-icon", "ico"),
    ("text/calendar", "ics"),
    ("text/css", "css"),
    ("text/csv", "csv"),
    ("text/html", "html"),
    ("text/javascript", "js"),
    ("text/json", "json"),
    ("text/markdown", "md"),
    ("text/plain", "txt"),
    ("text/tab-separated-values", "tsv"),
    ("text/vcard", "vcf"),
    ("text/xml", "xml"),
    ("text/yaml", "yaml"),
    ("video/mp4", "mp4"),
    ("video/mpeg", "mpg"),
    ("video/webm", "webm"),
];

/// The extension for a media type in lower case; `bin` where there is none or nobody knows it.
pub(super) fn extension(media_type: Option<&str>) -> &'static str {
    let Some(media_type) = media_type else { return "bin" };
    match KNOWN.binary_search_by_key(&media_type, |(known, _)| known) {
        Ok(at) => KNOWN[at].1,
        // RFC 6839: what the rest of the name means, whoever knows only its end can still read it.
        Err(_) if media_type.ends_with("+json") => "json",
        Err(_) if media_type.ends_with("+xml") => "xml",
        Err(_) => "bin",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_extension_is_a_plain_word() {
        assert!(KNOWN.is_sorted_by(|one, other| one.0 < other.0));
        for (media_type, own) in KNOWN {
            assert!(!own.is_empty() && own.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{own}");
            assert_eq!(extension(Some(media_type)), *own);
        }
    }

    #[test]
    fn a_type_that_nobody_knows_goes_by_its_end_or_is_binary() {
        for (media_type, own) in [
            ("application/problem+json", "json"),
            ("application/rss+xml", "xml"),
            ("application/octet-stream", "bin"),
            ("text/html2", "bin"),
            ("html", "bin"),
            ("", "bin"),
        ] {
            assert_eq!(extension(Some(media_type)), own, "{media_type}");
        }
        assert_eq!(extension(None), "bin");
    }

    proptest! {
        #[test]
        fn whatever_a_server_says_the_extension_is_one_of_ours(media_type in "(.|/|\\.\\.|\0|\n)*(\\+json|\\+xml|)") {
            let own = extension(Some(&media_type));
            prop_assert!(own == "bin" || KNOWN.iter().any(|(_, known)| *known == own));
        }
    }
}
