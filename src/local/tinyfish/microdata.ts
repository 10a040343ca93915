import { type HTMLElement, parse } from "node-html-parser";

/** What one element says: `machine` is the value made for programs, where there is one; `text` what people read. */
export interface MicrodataValue {
  readonly machine: string | undefined;
  readonly text: string;
}

/** An `itemscope` element, or the page itself. */
export interface MicrodataItem {
  /** The last part of its `itemtype`, e.g. `House`; empty for the page. */
  readonly type: string;
  /** By normalised name, see {@link normaliseName}. A name may occur more than once. */
  readonly values: ReadonlyMap<string, readonly MicrodataValue[]>;
  /** The names as the page spells them. */
  readonly names: ReadonlyMap<string, string>;
}

export interface Microdata {
  /** Facts that belong to no item, e.g. the pager's. */
  readonly page: MicrodataItem;
  readonly items: readonly MicrodataItem[];
  readonly title: string;
}

/** `next_page`, `nextPage` and `Next page` are the same name. */
export function normaliseName(name: string): string {
  return name.replace(/[^a-z0-9]/gi, "").toLowerCase();
}

/** Reads the HTML microdata (WHATWG HTML §5) of a page; links become absolute. Items inside items are not read. */
export function readMicrodata(markup: string, pageUrl: string): Microdata {
  const root = parse(markup);
  const page = newItem("");
  const items = new Map<HTMLElement, ReturnType<typeof newItem>>();
  for (const scope of root.querySelectorAll("[itemscope]"))
    items.set(scope, newItem((scope.getAttribute("itemtype") ?? "").split("/").at(-1) ?? ""));
  for (const element of root.querySelectorAll("[itemprop]")) {
    const owner = element.parentNode?.closest("[itemscope]");
    const item = (owner && items.get(owner)) ?? page;
    for (const name of element.getAttribute("itemprop")!.split(/\s+/)) add(item, name, readValue(element, pageUrl));
  }
  return { page, items: [...items.values()], title: root.querySelector("title")?.textContent.trim() ?? "" };
}

function newItem(type: string) {
  return { type, values: new Map<string, MicrodataValue[]>(), names: new Map<string, string>() };
}

function add(item: ReturnType<typeof newItem>, name: string, value: MicrodataValue): void {
  const key = normaliseName(name);
  item.names.set(key, name);
  const values = item.values.get(key);
  if (values) values.push(value);
  else item.values.set(key, [value]);
}

const linkAttribute: Readonly<Record<string, string>> = { A: "href", AREA: "href", LINK: "href", IMG: "src" };

function readValue(element: HTMLElement, pageUrl: string): MicrodataValue {
  const text = element.textContent.replace(/\s+/g, " ").trim();
  const link = element.getAttribute(linkAttribute[element.tagName] ?? "");
  if (link !== undefined) return { machine: URL.canParse(link, pageUrl) ? new URL(link, pageUrl).href : link, text };
  const { tagName } = element;
  const machine = element.getAttribute(tagName === "DATA" ? "value" : tagName === "TIME" ? "datetime" : "content");
  return { machine, text };
}
