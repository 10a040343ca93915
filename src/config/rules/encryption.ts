import { isLoopback } from "../kinds/index.ts";
import { type RuleContext } from "./context.ts";

/** In production, keys and tokens leave this machine only encrypted. */
export function requireEncryption({ environment, report }: RuleContext, name: string, url: string | undefined): void {
  if (environment !== "production" || url === undefined) return;
  const { protocol, hostname } = new URL(url);
  if ((protocol === "http:" || protocol === "ws:") && !isLoopback(hostname))
    report.refuse(name, `sends keys unencrypted to ${hostname} in production`, `use ${protocol.slice(0, -1)}s://`);
}
