import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { type ExpressRequest, send } from "../handler.ts";

/** In the order in which they use one another. */
const scripts = ["dom.mjs", "plots.mjs", "timeline.mjs", "limits.mjs", "parts.mjs", "sections.mjs", "main.mjs"];

interface Page {
  readonly html: string;
  readonly policy: string;
}

let assembled: Page | undefined;

/** One document without a further file: only what was hashed here may run or style, and it may speak to us alone. */
export function sendPage(
  request: ExpressRequest,
  response: ServerResponse,
  { actions }: { readonly actions: boolean },
): void {
  const { pathname } = new URL(`http://host${(request as { readonly originalUrl?: string }).originalUrl ?? "/"}`);
  if (!pathname.endsWith("/")) {
    // The page asks for what is below it.
    response.setHeader("Location", `./${pathname.slice(pathname.lastIndexOf("/") + 1)}/`);
    return send(response, 302, "", "text/plain; charset=utf-8");
  }
  const { html, policy } = (assembled ??= assemble());
  response.setHeader("Content-Security-Policy", policy);
  response.setHeader("Referrer-Policy", "no-referrer");
  response.setHeader("X-Frame-Options", "DENY");
  send(response, 200, html.replace("%actions%", actions ? "yes" : "no"), "text/html; charset=utf-8");
}

function assemble(): Page {
  const require = createRequire(import.meta.url);
  const uplot = (name: string) => readFileSync(require.resolve(`uplot/dist/${name}`), "utf8");
  const style = [uplot("uPlot.min.css"), asset("page.css"), asset("details.css"), asset("tables.css")].join("\n");
  const script = [uplot("uPlot.iife.min.js"), `{\n${scripts.map(joinable).join("\n")}\n}`].join("\n");
  const html = asset("page.html")
    // To the letter: blanks beside them would change the hashes.
    .replace(/\s*%style%\s*/, () => style)
    .replace(/\s*%script%\s*/, () => script);
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return { html, policy };
}

/** Beside this file in the sources; the build copies them beside the bundle. */
function asset(name: string): string {
  const folder = import.meta.url.endsWith(".ts") ? "assets" : "status-page";
  return readFileSync(new URL(`${folder}/${name}`, import.meta.url), "utf8");
}

/** A module as part of one script: they share a scope, and no two have a name in common. */
function joinable(name: string): string {
  return asset(name)
    .replace(/^import [^;]*;$/gm, "")
    .replace(/^export /gm, "");
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
