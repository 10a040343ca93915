import { type Handler } from "../loopback-server.ts";
import { html, type Html } from "./html.ts";
import { type House } from "./house.ts";

/**
 * A small listing site with schema.org-like microdata: `/listings?page=N&zip=…` with a pager, `/listings/<sourceKey>`.
 * `itemprop` names are those of {@link House}; numbers read as people write them, machine values stand beside them.
 */
export function listingSite(houses: readonly House[], pageSize: number): Handler {
  const byKey = new Map(houses.map((house) => [house.sourceKey, house]));
  return (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") return page(405, "Method not allowed", html``);
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/" || pathname === "/listings") return listingsPage(houses, pageSize, searchParams);
    const house = byKey.get(pathname.replace(/^\/listings\//, ""));
    return house ? page(200, house.title, article(house, "h1")) : notFound();
  };
}

function listingsPage(houses: readonly House[], pageSize: number, query: URLSearchParams): Response {
  const zip = query.get("zip");
  const number = Number(query.get("page") ?? "1");
  const matching = zip === null ? houses : houses.filter((house) => house.zipcode === zip);
  const totalPages = Math.max(1, Math.ceil(matching.length / pageSize));
  if (!Number.isInteger(number) || number < 1 || number > totalPages) return notFound();
  const shown = matching.slice((number - 1) * pageSize, number * pageSize);
  const link = (to: number, rel: string, itemprop: string, text: string) =>
    html`<a rel="${rel}" itemprop="${itemprop}" href="/listings?page=${to}${zip === null ? "" : `&zip=${zip}`}"
      >${text}</a
    >`;
  const pager = html`<nav aria-label="Pages">
    ${number > 1 ? link(number - 1, "prev", "previous_page", "Previous") : null} Page
    <data itemprop="page" value="${number}">${number}</data> of
    <data itemprop="total_pages" value="${totalPages}">${people(totalPages)}</data>
    (<data itemprop="total_listings" value="${matching.length}">${people(matching.length)}</data> listings)
    ${number < totalPages ? link(number + 1, "next", "next_page", "Next") : null}
  </nav>`;
  const title = zip === null ? "Houses in King County" : `Houses in ${zip}`;
  return page(
    200,
    title,
    html`<h1>${title}</h1>
      ${shown.map((house) => article(house, "h2"))}${pager}`,
  );
}

function article(house: House, heading: "h1" | "h2"): Html {
  const title =
    heading === "h1"
      ? html`<h1 itemprop="title">${house.title}</h1>`
      : html`<h2>
          <a itemprop="url" href="${house.url}"><span itemprop="title">${house.title}</span></a>
        </h2>`;
  const renovated =
    house.yearRenovated === null
      ? null
      : html`<dt>Renovated</dt>
          <dd itemprop="yearRenovated">${house.yearRenovated}</dd>`;
  return html`<article itemscope itemtype="https://schema.org/House" id="${house.sourceKey}">
    <meta
      itemprop="sourceKey"
      content="${house.sourceKey}"
    />${heading === "h1" ? html`<link itemprop="url" href="${house.url}" />` : null} ${title}
    <p>
      <data itemprop="price" value="${house.price}">$${people(house.price)}</data> ·
      <span itemprop="zipcode">${house.zipcode}</span>
    </p>
    <p itemprop="description">${house.description}</p>
    <dl>
      <dt>Bedrooms</dt>
      <dd itemprop="bedrooms">${house.bedrooms}</dd>
      <dt>Bathrooms</dt>
      <dd itemprop="bathrooms">${house.bathrooms}</dd>
      <dt>Floors</dt>
      <dd itemprop="floors">${house.floors}</dd>
      <dt>Living space</dt>
      <dd itemprop="sqftLiving" content="${house.sqftLiving}">${people(house.sqftLiving)} sqft</dd>
      <dt>Lot</dt>
      <dd itemprop="sqftLot" content="${house.sqftLot}">${people(house.sqftLot)} sqft</dd>
      <dt>Waterfront</dt>
      <dd itemprop="waterfront" content="${house.waterfront}">${house.waterfront ? "Yes" : "No"}</dd>
      <dt>View</dt>
      <dd itemprop="view" content="${house.view}">${house.view} of 4</dd>
      <dt>Condition</dt>
      <dd itemprop="condition" content="${house.condition}">${house.condition} of 5</dd>
      <dt>Grade</dt>
      <dd itemprop="grade" content="${house.grade}">${house.grade} of 13</dd>
      <dt>Built</dt>
      <dd itemprop="yearBuilt">${house.yearBuilt}</dd>
      ${renovated}
    </dl>
    <meta itemprop="latitude" content="${house.latitude}" /><meta itemprop="longitude" content="${house.longitude}" />
  </article> `;
}

function people(value: number): string {
  return value.toLocaleString("en-US");
}

function notFound(): Response {
  return page(
    404,
    "Page not found",
    html`<h1>Page not found</h1>
      <p><a href="/listings">All listings</a></p>`,
  );
}

function page(status: number, title: string, body: Html): Response {
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${title}</title>
        <meta name="description" content="House sales in King County, 2014-2015" />
      </head>
      <body>
        ${body}
      </body>
    </html> `;
  return new Response(document.markup, { status, headers: { "content-type": "text/html; charset=utf-8" } });
}
