import { z } from "zod";
import { type Integration } from "../../../../src/integration.ts";

/** Ends with what the host is given instead of an answer: what is thrown, or what a vendor's client calls its error. */
export type FailingCall = () => PromiseLike<unknown>;

/** Calls of every client of an integration, each of which is bound to fail. */
export function realCalls(integration: Integration): readonly FailingCall[] {
  const { neon, supabase, tinyfish, ollama } = integration;
  const password = "correct-horse-battery-staple";
  const email = "ada@example.com";
  const page = { url: "https://example.com", goal: "list the houses" };
  const messages = [{ role: "user", content: "hello" }] as const;
  const output = z.object({ houses: z.array(z.string()) });
  return [
    () => neon.query`select * from listings where id = ${7}`,
    () => neon.query("insert into listings values ($1)", ["a parameter"]),
    () => neon.query("select 1", [], { replica: true }),
    () => neon.transaction((transaction) => transaction.query`update listings set price = ${1}`),
    () => drained(neon.stream`select * from listings`),
    () => neon.bulkInsert("listings", [{ id: 1 }]),
    () => neon.listen("prices", () => undefined),
    () => neon.admin.branches.list(),
    () => neon.dataApi().from("listings").select().then(refusal),
    () => supabase.auth.signIn({ email, password }),
    () => supabase.auth.refresh("a-refresh-token"),
    () => supabase.storage.download({ bucket: "documents", path: "a/b.pdf" }),
    () => supabase.storage.list({ bucket: "documents" }),
    () => supabase.admin.from("notes").select().then(refusal),
    () => supabase.admin.auth.createUser({ email }).then(refusal),
    () => supabase.forUser("a-token").from("notes").delete().then(refusal),
    () => tinyfish.search({ query: "flats" }),
    () => tinyfish.run({ ...page, output }),
    () => tinyfish.run(page),
    () => tinyfish.start(page),
    () => drained(tinyfish.stream(page)),
    () => tinyfish.runs.get("run_2"),
    () => ollama.chat({ messages }),
    () => drained(ollama.stream({ messages })),
    () => ollama.embed(["two-bed flat"]),
    () => drained(ollama.pull("llama3.2")),
    () => ollama.models(),
  ];
}

/** Some streams end with what `run` would throw. */
async function drained(items: AsyncIterable<unknown>): Promise<unknown> {
  let last: unknown;
  for await (const item of items) last = item;
  return (last as { error?: unknown } | undefined)?.error;
}

const refusal = ({ error }: { readonly error: unknown }) => error;
