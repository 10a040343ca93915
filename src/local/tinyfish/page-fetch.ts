import { type Clock } from "../../core/index.ts";
import { HTMLElement, type Node, NodeType, parse } from "node-html-parser";
import { fetchLoopback, isLoopback } from "./loopback-fetch.ts";
import { type FetchRequest } from "./requests.ts";

type PageResult = { readonly ok: true; readonly result: object } | { readonly ok: false; readonly error: object };

/** The answer of `POST /v1/fetch`: each URL's page, or why it could not be had. */
export async function fetchPages(request: FetchRequest, clock: Clock, signal: AbortSignal): Promise<object> {
  const pages = await Promise.all(request.urls.map((url) => fetchPage(url, request, clock, signal)));
  return {
    results: pages.flatMap((page) => (page.ok ? [page.result] : [])),
    errors: pages.flatMap((page) => (page.ok ? [] : [page.error])),
  };
}

async function fetchPage(url: string, request: FetchRequest, clock: Clock, signal: AbortSignal): Promise<PageResult> {
  const refuse = (error: string, status?: number): PageResult => ({
    ok: false,
    error: { url, error, ...(status !== undefined && { status }) },
  });
  if (!/^https?:/.test(url) || !URL.canParse(url)) return refuse("invalid_url");
  if (!isLoopback(url)) return refuse("target_unreachable");
  const startedAt = clock.now();
  try {
    const page = await fetchLoopback(url, signal);
    if (page.status === 404) return refuse("page_not_found", 404);
    if (page.status >= 400) return refuse("target_http_error", page.status);
    const root = parse(page.body);
    const attribute = (selector: string, name: string) => root.querySelector(selector)?.getAttribute(name) ?? null;
    const absolute = (selector: string, name: string) =>
      root.querySelectorAll(selector).map((each) => new URL(each.getAttribute(name) ?? "", page.finalUrl).href);
    const result = {
      url,
      final_url: page.finalUrl,
      title: root.querySelector("title")?.textContent.trim() ?? null,
      description: attribute('meta[name="description"]', "content"),
      language: attribute("html", "lang"),
      author: attribute('meta[name="author"]', "content"),
      published_date: null,
      format: request.format,
      text: render(root, page.body, request.format),
      ...(request.links && { links: absolute("a[href]", "href") }),
      ...(request.image_links && { image_links: absolute("img[src]", "src") }),
      latency_ms: Math.round(clock.now() - startedAt),
    };
    return { ok: true, result };
  } catch {
    return refuse("target_unreachable");
  }
}

function render(root: HTMLElement, body: string, format: FetchRequest["format"]): unknown {
  if (format === "html") return body;
  const content = root.querySelector("body") ?? root;
  return format === "json"
    ? toTree(content)
    : toMarkdown(content)
        .replace(/\n{3,}/g, "\n\n")
        .trim();
}

function toTree(node: HTMLElement): object {
  const children = node.childNodes
    .map((child) => (child instanceof HTMLElement ? toTree(child) : child.text.trim()))
    .filter((child) => child !== "");
  return { tag: node.rawTagName.toLowerCase(), ...node.attributes, children };
}

function toMarkdown(node: Node): string {
  if (node.nodeType === NodeType.TEXT_NODE) return node.text.replace(/\s+/g, " ");
  if (!(node instanceof HTMLElement)) return "";
  const inner = node.childNodes.map(toMarkdown).join("");
  const tag = node.tagName?.toLowerCase() ?? "";
  const heading = /^h([1-6])$/.exec(tag);
  if (heading) return `\n\n${"#".repeat(Number(heading[1]))} ${inner.trim()}\n\n`;
  switch (tag) {
    case "script":
    case "style":
      return "";
    case "a":
      return `[${inner.trim()}](${node.getAttribute("href") ?? ""})`;
    case "li":
      return `\n- ${inner.trim()}`;
    case "dt":
      return `\n- ${inner.trim()}: `;
    case "br":
      return "\n";
    case "p":
    case "article":
    case "nav":
    case "ul":
    case "ol":
    case "dl":
      return `\n\n${inner.trim()}\n\n`;
    default:
      return inner;
  }
}
