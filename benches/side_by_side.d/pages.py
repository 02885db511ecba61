"""pages.py DIR PAGES DELAY SCALE [full]: 200 HTML pages under DIR/www, the same on every machine, and the URL lists under DIR/lists.

PAGES and DELAY are the ports of the two servers; SCALE divides the length of the lists; `full` makes that of 1,000,000 URLs too."""

import random, sys
from pathlib import Path

WORDS = """account again amber article autumn balance basket between bottle branch carpet castle chapter cotton delivery
dozen early editor engine evening fabric figure garden gentle granite handle harbour island journal kettle ladder lantern
leather linen maple margin market meadow morning needle notice orchard paper pebble pepper picture pocket quiet ribbon river
saddle season silver simple station summer table timber travel velvet village walnut window winter wooden yellow""".split()


def text(r, n):
    return " ".join(r.choices(WORDS, k=n)).capitalize()


def article(r, n):
    tags = "".join(f'<li><a class="tag" rel="tag" href="/tags/{w}?from={n}&amp;page=1">{w}</a></li>' for w in r.choices(WORDS, k=3))
    rows = "".join(f"<tr><th scope=row>{w}</th><td>{r.random() * 90:.2f}&nbsp;&euro;</td></tr>\n" for w in r.choices(WORDS, k=4))
    return (f'<article class="card wide" id="a{n}" data-rank="{r.random():.3f}">\n  <h2>{text(r, 4)}</h2>\n'
            f'  <a href="/items/{n}.html"><img src="/img/{n}-320.jpg" width="320" alt="{text(r, 3)}"></a>\n'
            f"  <p>{text(r, 22)}, <em>{text(r, 2)}</em> &amp; {text(r, 14)}.</p>\n  <p>{text(r, 30)}.<br>{text(r, 9)}.</p>\n"
            f'  <table class="prices">\n{rows}</table>\n  <ul class="tags">{tags}</ul>\n</article>\n')


def page(name, size):
    r = random.Random(name)
    title = f"{text(r, 3)} &amp; {text(r, 2).lower()}"
    head = (f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title} | The Shop</title>\n'
            f'<meta name="description" content="{text(r, 12)}">\n<link rel="stylesheet" href="/site.css">\n'
            f'<script type="application/ld+json">{{"@type": "ItemList", "name": "{name}"}}</script>\n</head>\n<body>\n'
            '<nav><a href="/">Home</a> <a href="/new">New</a> <a href="/basket">Basket</a></nav>\n<main>\n'
            f"<h1>{title}</h1>\n")
    tail = '</main>\n<footer><a href="/imprint">Imprint</a> &copy; The Shop</footer>\n</body>\n</html>\n'
    body, n = "", 0
    while len(head + body + tail) < size - 1400:  # an article is shorter than that
        body, n = body + article(r, n), n + 1
    rest = size - len(head + body + tail) - len("<p></p>\n")
    return head + body + f"<p>{text(r, 300)[:rest]}</p>\n" + tail


def main(folder, pages, delay, scale, full=None):
    for size, count in (2, 80), (20, 80), (200, 40):
        (folder / f"www/p/{size}k").mkdir(parents=True, exist_ok=True)
        for i in range(count):
            (folder / f"www/p/{size}k/{i}.html").write_text(page(f"{size}k/{i}", size * 1024), "ascii")

    def save(name, urls):
        (folder / "lists").mkdir(exist_ok=True)
        (folder / f"lists/{name}.txt").write_text("".join(f"http://{url}\n" for url in urls))

    def mixed(n):  # each URL once: some tools leave out what they have seen
        return (f"127.0.0.1:{pages}/p/{(2, 20)[i % 2]}k/{i // 2 % 80}.html?n={i}" for i in range(n // scale))

    save("throughput", mixed(20_000))
    save("latency", (f"127.0.0.1:{delay}/d/100/{i}" for i in range(2_000 // scale)))
    save("memory-1k", mixed(1_000))
    save("memory-100k", mixed(100_000))
    if full:
        save("memory-1m", mixed(1_000_000))
    save("big", (f"127.0.0.1:{pages}/p/200k/{i % 40}.html?n={i}" for i in range(1_000 // scale)))

    save("many", (f"127.0.0.1:{delay}/d/1000/{i}" for i in range(10_000 // scale)))
    save("start", [f"127.0.0.1:{pages}/p/2k/0.html"])

    wait = 5_000 if scale == 1 else 500
    slow = [f"127.0.0.1:{delay}/d/{wait}/{i}" for i in range(100 // scale)]
    fast = [f"127.0.0.{2 + i % 9}:{pages}/p/2k/{i % 80}.html?n={i}" for i in range(900 // scale)]
    half = (len(slow) + len(fast)) // 2 - len(slow)
    first = slow + fast[:half]
    random.Random("fairness").shuffle(first)
    save("fairness", first + fast[half:])


main(Path(sys.argv[1]), *map(int, sys.argv[2:5]), *sys.argv[5:])
