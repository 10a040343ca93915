/** One request on its way through a stand-in: its parts, and the parts of its path that the route names. */
export interface Exchange {
  readonly request: Request;
  readonly url: URL;
  /** Decoded; `*` of a pattern is `params.path`. */
  readonly params: Readonly<Record<string, string>>;
}

export interface Route {
  /** `GET /auth/v1/admin/users/:id`, `POST /storage/v1/object/:bucket/*` */
  readonly on: string;
  /** Needs no API key. */
  readonly open?: boolean;
  readonly handle: (exchange: Exchange) => Response | Promise<Response>;
}

interface CompiledRoute {
  readonly route: Route;
  readonly method: string;
  readonly path: RegExp;
}

/** Finds the first route that fits, in the order given. */
export class Router {
  readonly #routes: readonly CompiledRoute[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map(compile);
  }

  match(request: Request): { route: Route; exchange: Exchange } | undefined {
    const url = new URL(request.url);
    for (const { route, method, path } of this.#routes) {
      const found = method === request.method ? path.exec(url.pathname) : null;
      const params = found && decodeAll(found.groups ?? {});
      if (params) return { route, exchange: { request, url, params } };
    }
    return undefined;
  }
}

function compile(route: Route): CompiledRoute {
  const [method = "", pattern = ""] = route.on.split(" ");
  const path = pattern.replaceAll(/:(\w+)/g, "(?<$1>[^/]+)").replace("*", "(?<path>.+)");
  return { route, method, path: new RegExp(`^${path}$`) };
}

function decodeAll(groups: Record<string, string>): Record<string, string> | undefined {
  try {
    return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]));
  } catch {
    return undefined; // a stray per cent sign names nothing that exists here
  }
}
