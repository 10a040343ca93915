import { createServer, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { type Integration } from "../integration.ts";

export interface ServedPage extends AsyncDisposable {
  readonly url: string;
}

/**
 * Serves the status page to this machine, without Express.
 *
 * @param port where it is wanted; any free one where that is taken, since nothing but people's eyes depends on it
 */
export async function serveStatusPage(integration: Integration, port: number): Promise<ServedPage> {
  const { opsRouter } = await import("../hosts/express/index.ts");
  const router = opsRouter(integration, { actions: true });
  const server = createServer((request, response) => {
    const failed = (status: number) => {
      if (!response.headersSent) response.statusCode = status;
      response.end();
    };
    Promise.resolve(router(asExpressRequest(request), response, () => failed(404))).catch(() => failed(500));
  });
  await listen(server, port).catch(() => listen(server, 0));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What the router uses of Express's request. */
function asExpressRequest(request: IncomingMessage) {
  const get = (name: string) => request.headers[name] as string | undefined;
  const { pathname: path = "" } = URL.parse(`http://host${request.url}`) ?? {};
  return Object.assign(request, { path, baseUrl: "", originalUrl: request.url, get });
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}
