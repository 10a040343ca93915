import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Every package that importing a room loads, in a process of its own. */
function packagesLoadedBy(room: string): string[] {
  const program = `
    import { registerHooks } from "node:module";
    const loaded = new Set();
    registerHooks({ resolve(specifier, context, next) {
      const found = next(specifier, context);
      const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)\\//.exec(found.url)?.[1];
      if (name) loaded.add(name);
      return found;
    } });
    await import(${JSON.stringify(`./src/${room}`)});
    console.log(JSON.stringify([...loaded]));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", program], {
    cwd: root,
    encoding: "utf8",
  });
  return (JSON.parse(output) as string[]).sort();
}

describe("importing one room", () => {
  it("resilience loads neither Supabase nor Neon, nor anything but its engines", () => {
    expect(packagesLoadedBy("resilience/index.ts")).toEqual(["bottleneck", "is-network-error", "lru-cache", "p-retry"]);
  });

  it("monitoring loads its logger and nothing of the services", () => {
    const loaded = packagesLoadedBy("monitoring/index.ts");
    expect(loaded).toContain("pino");
    expect(loaded.filter((name) => /supabase|neon|^pg$|express|zod/.test(name))).toEqual([]);
  });

  it("the testing kit loads nothing", () => {
    expect(packagesLoadedBy("testing/index.ts")).toEqual([]);
  });

  it("the root loads no optional peer", () => {
    const loaded = packagesLoadedBy("index.ts");
    expect(loaded).toContain("@supabase/supabase-js");
    expect(
      loaded.filter((name) => /pglite|energetic|express|^cors$|modelcontextprotocol|pino-pretty/.test(name)),
    ).toEqual([]);
  });
});
