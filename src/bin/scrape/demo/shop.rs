//! What the practice site shows: forty products made of a few words, and pages about trouble. The same text in every run.

use std::fmt::Write;

/// Products in the shop, and on a page of its listing.
const PRODUCTS: usize = 40;
const ON_A_PAGE: usize = 10;

const MATERIALS: [&str; 8] = ["Oak", "Walnut", "Linen", "Wool", "Brass", "Copper", "Stone", "Glass"];
const THINGS: [(&str, &str); 5] =
    [("Chair", "Furniture"), ("Lamp", "Lighting"), ("Bowl", "Kitchen"), ("Clock", "Decoration"), ("Box", "Storage")];

/// The pages that make trouble, and what each of them shows.
const TROUBLE: [(&str, &str); 8] = [
    ("/slow", "answers after two seconds: see --timeout"),
    ("/flaky", "fails twice with 503 and then answers: see --retries"),
    ("/missing", "does not exist: a row with the error http_status and the status 404"),
    ("/busy", "answers 429 with Retry-After the first time: the wait is obeyed, and other hosts go on"),
    ("/big", "is about a megabyte, compressed on its way: see --max-body"),
    ("/old", "is redirected to the first product: see final_url, and --max-redirects"),
    ("/private", "is closed to robots by the shop's robots.txt"),
    ("/product/1", "is an ordinary product, with JSON-LD and OpenGraph beside its text"),
];

/// `/robots.txt`.
pub(super) const ROBOTS: &str = "User-agent: *\nDisallow: /private\n";

/// The paths of the list to practise on.
pub(super) fn paths() -> impl Iterator<Item = String> {
    let listings = (1..=PRODUCTS / ON_A_PAGE).map(|page| format!("/shop?page={page}"));
    let products = (1..=PRODUCTS).map(|number| format!("/product/{number}"));
    let trouble = TROUBLE.into_iter().map(|(path, _)| path.to_owned()).filter(|path| !path.starts_with("/product/"));
    std::iter::once("/".to_owned()).chain(listings).chain(products).chain(trouble)
}

/// One product; everything about it follows from its number.
struct Product {
    number: usize,
    name: String,
    category: &'static str,
    cents: usize,
    /// Tenths of a star.
    rating: usize,
    stock: usize,
}

impl Product {
    /// The product of a number from 1 to [`PRODUCTS`].
    fn new(number: usize) -> Self {
        let at = number - 1;
        let (thing, category) = THINGS[at % THINGS.len()];
        let name = format!("{} {thing}", MATERIALS[at % MATERIALS.len()]);
        Self {
            number,
            name,
            category,
            cents: 995 + (at * at * 37 + at * 613) % 18_000,
            rating: 30 + at * 7 % 21,
            stock: (at * 5 + 7) % 23,
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        (1..=PRODUCTS).map(Self::new)
    }

    fn price(&self) -> String {
        format!("{}.{:02}", self.cents / 100, self.cents % 100)
    }

    fn stars(&self) -> String {
        format!("{}.{}", self.rating / 10, self.rating % 10)
    }

    fn stock(&self) -> (&'static str, String) {
        match self.stock {
            0 => ("OutOfStock", "Sold out".to_owned()),
            left => ("InStock", format!("{left} in stock")),
        }
    }

    fn description(&self) -> String {
        let Self { name, category, .. } = self;
        format!("This {} is made by hand, in small numbers. Category: {category}.", name.to_lowercase())
    }

    fn page(&self) -> String {
        let Self { number, name, category, .. } = self;
        let (price, stars, description) = (self.price(), self.stars(), self.description());
        let (availability, stock) = self.stock();
        let linked = serde_json::json!({
            "@context": "https://schema.org",
            "@type": "Product",
            "name": name,
            "sku": format!("SHOP-{number:04}"),
            "category": category,
            "image": format!("/image/{number}.svg"),
            "offers": {
                "@type": "Offer", "price": price, "priceCurrency": "EUR",
                "availability": format!("https://schema.org/{availability}"),
            },
            "aggregateRating": { "@type": "AggregateRating", "ratingValue": stars, "reviewCount": number * 3 },
        });
        let head = format!(
            r#"<meta name="description" content="{description}">
<meta property="og:type" content="product">
<meta property="og:title" content="{name}">
<meta property="og:image" content="/image/{number}.svg">
<meta property="product:price:amount" content="{price}">
<meta property="product:price:currency" content="EUR">
<link rel="canonical" href="/product/{number}">
<script type="application/ld+json">{linked}</script>
"#
        );
        let mut related = String::new();
        for step in [1, 5, 8] {
            let other = Self::new((number - 1 + step) % PRODUCTS + 1);
            let _ = writeln!(related, r#"    <li><a href="/product/{}">{}</a></li>"#, other.number, other.name);
        }
        let page = self.number.div_ceil(ON_A_PAGE);
        let body = format!(
            r#"<nav class="breadcrumbs"><a href="/">Home</a> › <a href="/shop?page={page}">Shop</a> › <span>{category}</span></nav>
<article class="product" data-sku="SHOP-{number:04}">
  <h1 class="name">{name}</h1>
  <img src="/image/{number}.svg" alt="{name}" width="200" height="200">
  <p class="price" data-currency="EUR">€{price}</p>
  <p class="rating" title="{stars} of 5">{stars}</p>
  <p class="stock">{stock}</p>
  <p class="description">{description}</p>
</article>
<aside class="related">
  <h2>Goes well with</h2>
  <ul>
{related}  </ul>
</aside>
"#
        );
        document(&format!("{name} – Practice Shop"), &head, &body)
    }
}

/// The page of a product, where the path is one's.
pub(super) fn product(path: &str) -> Option<String> {
    Some(Product::new(number(path.strip_prefix("/product/")?, PRODUCTS)?).page())
}

/// The picture of a product, where the path is one's.
pub(super) fn image(path: &str) -> Option<String> {
    let number = number(path.strip_prefix("/image/")?.strip_suffix(".svg")?, PRODUCTS)?;
    let colour = number * 360 / PRODUCTS;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" height=\"200\">\
         <rect width=\"200\" height=\"200\" fill=\"hsl({colour} 60% 70%)\"/></svg>\n"
    ))
}

/// A page of the listing, where the query names one; the first without a query.
pub(super) fn listing(query: Option<&str>) -> Option<String> {
    let last = PRODUCTS / ON_A_PAGE;
    let page = match query {
        None => 1,
        Some(query) => number(query.strip_prefix("page=")?, last)?,
    };
    let mut body = String::from("<h1>All products</h1>\n<ul class=\"products\">\n");
    for product in Product::all().skip((page - 1) * ON_A_PAGE).take(ON_A_PAGE) {
        let (number, name, price) = (product.number, &product.name, product.price());
        let _ = writeln!(
            body,
            r#"  <li class="product"><a class="name" href="/product/{number}">{name}</a> <span class="price">€{price}</span></li>"#
        );
    }
    let _ = writeln!(body, "</ul>\n<nav class=\"pages\">\n  <span>Page {page} of {last}</span>");
    if page > 1 {
        let _ = writeln!(body, r#"  <a class="previous" rel="prev" href="/shop?page={}">Previous</a>"#, page - 1);
    }
    if page < last {
        let _ = writeln!(body, r#"  <a class="next" rel="next" href="/shop?page={}">Next</a>"#, page + 1);
    }
    body += "</nav>\n";
    Some(document(&format!("Page {page} of {last} – Practice Shop"), "", &body))
}

/// The front page: what there is to try.
pub(super) fn front() -> String {
    let mut body = String::from(
        r#"<h1>Practice Shop</h1>
<p class="intro">A site to try a scraper on. It lives as long as the command that started it and talks to this machine only.
Try <code>scrape --demo -s name=.name -s price=.price</code>.</p>
<h2>Pages that make trouble</h2>
<ul class="trouble">
"#,
    );
    for (path, shows) in TROUBLE {
        let _ = writeln!(body, r#"  <li><a href="{path}">{path}</a> {shows}</li>"#);
    }
    body += "</ul>\n<h2>Listings</h2>\n<ul class=\"listings\">\n";
    for page in 1..=PRODUCTS / ON_A_PAGE {
        let _ = writeln!(body, r#"  <li><a href="/shop?page={page}">Page {page}</a>, ten products and a link to the next</li>"#);
    }
    body += "</ul>\n<h2>Products</h2>\n<ol class=\"products\">\n";
    for Product { number, name, .. } in Product::all() {
        let _ = writeln!(body, r#"  <li><a href="/product/{number}">{name}</a></li>"#);
    }
    body += "</ol>\n";
    document("Practice Shop", "", &body)
}

/// A page of about a megabyte: a ledger of orders.
pub(super) fn big() -> String {
    let mut body = String::from("<h1>Every order there was</h1>\n<table class=\"orders\">\n");
    for order in 1..=8_000_usize {
        let product = Product::new(order * 7 % PRODUCTS + 1);
        let (number, name, price) = (product.number, &product.name, product.price());
        let _ = writeln!(
            body,
            "  <tr class=\"order\"><td>{order}</td><td><a href=\"/product/{number}\">{name}</a></td>\
             <td class=\"price\">€{price}</td><td>paid</td></tr>"
        );
    }
    body += "</table>\n";
    document("Every order there was – Practice Shop", "", &body)
}

/// A page with one thing to say.
pub(super) fn note(title: &str, text: &str) -> String {
    let body = format!("<h1>{title}</h1>\n<p>{text}</p>\n<p><a href=\"/\">Back to the front page</a></p>\n");
    document(&format!("{title} – Practice Shop"), "", &body)
}

fn document(title: &str, head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n{head}</head>\n\
         <body>\n{body}</body>\n</html>\n"
    )
}

/// A number from 1 to `last`, written in the one way that makes it a path of ours.
fn number(text: &str, last: usize) -> Option<usize> {
    let number = text.parse().ok().filter(|number| (1..=last).contains(number))?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_shop_is_as_large_as_it_says_and_no_page_is_another() {
        let names: HashSet<_> = Product::all().map(|product| product.name).collect();
        assert_eq!(names.len(), PRODUCTS);
        let paths: HashSet<_> = paths().collect();
        assert_eq!(paths.len(), 52);
    }

    #[test]
    fn prices_ratings_and_stock_are_within_reason() {
        for product in Product::all() {
            assert!((995..20_000).contains(&product.cents) && (30..=50).contains(&product.rating), "{}", product.name);
        }
        assert!(Product::all().any(|product| product.stock().0 == "OutOfStock"));
        assert_eq!(Product::new(3).price(), "23.69");
        assert_eq!(Product::new(3).stars(), "4.4");
    }

    #[test]
    fn listings_lead_to_every_product_and_end() {
        let mut found = 0;
        let mut query = None;
        for page in 1.. {
            let html = listing(query.as_deref()).unwrap();
            found += html.matches("class=\"name\"").count();
            query = html.contains("class=\"next\"").then(|| format!("page={}", page + 1));
            if query.is_none() {
                break;
            }
        }
        assert_eq!(found, PRODUCTS);
    }

    #[test]
    fn a_number_out_of_range_is_no_page() {
        for path in ["/product/0", "/product/41", "/product/01", "/product/+1", "/product/", "/product/x", "/produkt/1"] {
            assert!(product(path).is_none(), "{path}");
        }
        for query in ["page=0", "page=5", "page=", "p=1"] {
            assert!(listing(Some(query)).is_none(), "{query}");
        }
        assert!(image("/image/1.svg").is_some() && image("/image/1.png").is_none());
    }

    #[test]
    fn a_product_page_says_the_same_in_every_way() {
        let html = product("/product/7").unwrap();
        let linked = html.split_once("ld+json\">").and_then(|(_, rest)| rest.split_once("</script>")).unwrap().0;
        let linked: serde_json::Value = serde_json::from_str(linked).unwrap();
        let price = linked["offers"]["price"].as_str().unwrap();
        assert!(html.contains(&format!("<p class=\"price\" data-currency=\"EUR\">€{price}</p>")));
        assert!(html.contains(&format!("<h1 class=\"name\">{}</h1>", linked["name"].as_str().unwrap())));
    }

    #[test]
    fn the_big_page_is_about_a_megabyte() {
        assert!((900_000..1_200_000).contains(&big().len()), "{}", big().len());
    }
}
