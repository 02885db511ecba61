//! A page as a tree of our own: what html5ever's tree builder says of the page's tokens, in a few flat lists.
//!
//! **Why it is the tree that `scraper` would build.** The same builder decides where every node goes; [`sink`] does what it says
//! with links between places of one list, as `scraper`'s sink does with its nodes, and [`element`] answers selectors as `scraper`'s
//! elements do. The tokens are html5ever's too, or those of [`token`], which reads only what it knows to read the same.
//! `--parser dom` still reads pages with `scraper`, so that the two can be compared.
//!
//! **Why it is quicker.** Most of what a page cost was html5ever's tokenizer, which goes letter by letter and copies what it finds;
//! here tags are looked for, and texts and values are parts of the one text of the page.

mod element;
mod names;
mod need;
mod nodes;
mod sink;
mod token;

use super::guard::Guard;
use super::limits::Limits;
use crate::model::Failure;

pub(super) use self::element::Found;
pub(super) use self::need::Need;
pub(super) use self::nodes::Tree;
use self::sink::Sink;

/// Parses a page, or says which limit it is beyond: never a page in part.
pub(super) fn parse(text: &str, limits: &Limits<'_>) -> Result<Tree, Failure> {
    let guard = Guard::new(Sink::new(Tree::new(text.len())), limits);
    token::read(text, &guard, limits)?;
    Ok(guard.finish()?.into_tree())
}

#[cfg(test)]
mod tests {
    use super::super::tests::page;
    use super::super::{Extractor, Parser, Settings};

    /// All of a page's tree, as both kinds of it say.
    fn both(text: &str) -> [Option<String>; 2] {
        let fields = ["whole=html::html", "first[]=:first-child", "links[]=*::attr(href)"];
        [Parser::Auto, Parser::Dom].map(|parser| {
            let fields = fields.iter().map(|field| field.parse().unwrap()).collect();
            let data = Extractor::new(Settings { fields, parser, ..Settings::default() }).unwrap().run(&page(text.as_bytes()));
            data.ok().map(|data| serde_json::to_string(&data).unwrap())
        })
    }

    #[test]
    fn what_is_odd_is_handed_over_in_the_state_that_it_is_met_in() {
        let many = (0..70).fold(String::new(), |many, n| many + &format!(" a{n}=x"));
        let long = "x&nosuch;".repeat(10_000);
        for odd in [
            "<b\"c\">d</b>",
            "<a href='x'b>c",
            "<a href=?b=1&c=2>d</a>",
            "</>x</ y></é>",
            "<title>a &lt; </titles></title >b",
            "<title>a</title b=\"c\"d>e",
            "<title>a</title",
            "<textarea>\r\n</b>&amp;",
            "<textarea>&#10x</textarea>y",
            "<pre>&#10;x",
            "<pre>&NewLine;x",
            "<pre>\r\n\r\nx",
            "<script><!-- <script> </script> --></script>x",
            "<script><!-- a --></script><p>x",
            "<style>a>b{}</style></p>x",
            "<plaintext>a</plaintext>&amp;<b>",
            "<svg><![CDATA[a<b]]></svg><![CDATA[c]]>d",
            "<svg><title>&amp;<b>c</svg>",
            "<!--a--!>b<!-->c<!--->d-->e",
            "<!doctype html PUBLIC 'x'><p><table>",
            "<?x y?><p>a<!x>b",
            "<math definitionurl=x><svg viewbox=y xlink:href=z href=w>",
            "<template><tr><td>a</template><table><td>b",
            "<table>a<td>b</table><b><p>c</b>d",
            "<p a=1 A=2 a=3>x",
            "a\r\nb\rc<p title='d\r\ne'><!--f\rg-->",
            "a\0b<p>\u{feff}c",
            "<",
            "<p",
            "&copy",
            "&copy<b>&ampx",
            &format!("<p{many}>x<p>y"),
            &format!("<p>{long}<p title='{long}'>y"),
        ] {
            for text in
                [odd.to_owned(), format!("<!doctype html><p>x</p>{odd}<i>y</i>&amp;<pre>\nz"), format!("<div><{odd}</div>")]
            {
                let [own, scraper] = both(&text);
                assert!(own.is_some());
                assert_eq!(own, scraper, "{text}");
            }
        }
    }
}
