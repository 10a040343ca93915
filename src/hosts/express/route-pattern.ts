import { decodePercent } from "../../core/index.ts";
import { type ExpressRequest } from "./handler.ts";

interface Routed {
  readonly route?: { readonly path?: unknown } | undefined;
  params?: Readonly<Record<string, string | readonly string[]>>;
}

/**
 * Follows the request through the routers. Express knows the pattern of the last router only, and takes it back on an
 * error; but it assigns `params` whenever a layer matches, right after `route`, so that is where we look.
 *
 * @returns the pattern of the route that was matched last, or undefined if there was none
 */
export function followRoute(request: ExpressRequest): () => string | undefined {
  const routed = request as Routed;
  const namesByValue = new Map<string, string>();
  let params = routed.params;
  let seen = routed.route;
  let pattern: string | undefined;
  Object.defineProperty(request, "params", {
    configurable: true,
    enumerable: true,
    get: () => params,
    set(assigned: Routed["params"]) {
      params = assigned;
      if (routed.route !== seen) {
        seen = routed.route;
        pattern = masked(request.baseUrl, namesByValue) + String(seen?.path);
      }
      for (const [name, value] of Object.entries(assigned ?? {}))
        for (const part of [value].flat()) if (typeof part === "string") namesByValue.set(part, name);
    },
  });
  // A middleware that answers by itself has a mount path and no route.
  return () => pattern ?? (request.baseUrl === "" ? undefined : masked(request.baseUrl, namesByValue));
}

/** `/tenants/42` as `/tenants/:tenant`: where a router is mounted may itself have parameters. */
function masked(baseUrl: string, namesByValue: ReadonlyMap<string, string>): string {
  if (namesByValue.size === 0) return baseUrl;
  const mask = (segment: string) => {
    const name = namesByValue.get(decodePercent(segment));
    return name === undefined ? segment : `:${name}`;
  };
  return baseUrl.split("/").map(mask).join("/");
}
