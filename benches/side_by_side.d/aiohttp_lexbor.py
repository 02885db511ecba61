"""aiohttp_lexbor.py LIST CONCURRENCY nothing|title|all: workers over the lazily read list, a line of JSON on stdout as each page is done."""

import asyncio, json, sys
import aiohttp
from selectolax.lexbor import LexborHTMLParser

LIST, CONCURRENCY, FIELDS = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def extract(html):
    page = LexborHTMLParser(html)
    data = {"title": page.css_first("title").text()}
    if FIELDS == "all":
        data["links"] = [a.attributes["href"] for a in page.css("a[href]")]
        data["h2"] = [h2.text() for h2 in page.css("h2")]
    return data


async def work(session, urls):
    for url in urls:
        try:
            async with session.get(url) as answer:
                body = await (answer.read() if FIELDS == "nothing" else answer.text())
                row = {"url": url, "status": answer.status, "data": {} if FIELDS == "nothing" else extract(body)}
        except (aiohttp.ClientError, TimeoutError) as error:
            row = {"url": url, "error": repr(error)}
        print(json.dumps(row), flush=True)


async def main():
    with open(LIST) as lines:
        urls = (line.strip() for line in lines)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session:
            await asyncio.gather(*(work(session, urls) for _ in range(CONCURRENCY)))


asyncio.run(main())
