/** A process of its own that migrates, as each instance of a service does when it starts: `node … <url> <directory>`. */
import { NeonClient } from "../../../../src/clients/neon/index.ts";

const [connectionString = "", directory = ""] = process.argv.slice(2);
await using neon = new NeonClient({ connectionString, max: 1 });
// The starting pistol: the test holds it until all are there.
await neon.query("select pg_advisory_lock_shared(42), pg_advisory_unlock_shared(42)");
process.stdout.write(JSON.stringify(await neon.migrate({ directory })));
