import type pg from "pg";
import { cleanFailure, clientClass, clientConfig, destroyClient, type DriverOptions } from "../pools/drivers.ts";

/** Lends a connection of its own, outside the pool, for the time of `work`; cut when the signal fires. */
export async function withDirectSession<T>(
  driver: DriverOptions,
  signal: AbortSignal,
  work: (session: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new (clientClass(driver))(clientConfig(driver));
  const cut = () => destroyClient(client);
  signal.addEventListener("abort", cut, { once: true });
  try {
    await client.connect();
    return await work(client);
  } catch (thrown) {
    throw cleanFailure(thrown, driver);
  } finally {
    signal.removeEventListener("abort", cut);
    void client.end().catch(() => undefined);
    cut();
  }
}
