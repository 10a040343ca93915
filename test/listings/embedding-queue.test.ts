import { describe, expect, it } from "vitest";
import { CallScopes, IntegrationError } from "../../src/core/index.ts";
import { EmbeddingQueue } from "../../src/listings/embedding-queue.ts";
import { Redelivery } from "../../src/listings/redelivery.ts";
import { type PendingEmbedding } from "../../src/listings/repository.ts";
import { ManualClock } from "../../src/testing/index.ts";

/** A table of texts, and a model that says how often it was asked and may fail. */
function setUp(
  options: {
    texts?: number;
    failures?: unknown[];
    gate?: (texts: readonly string[]) => Promise<void>;
    answered?: () => Promise<void>;
  } = {},
) {
  const clock = new ManualClock();
  const table: PendingEmbedding[] = [];
  const embedded: string[] = [];
  const batches: number[] = [];
  const counts: number[] = [];
  const failures = [...(options.failures ?? [])];
  const add = (count: number) => {
    for (let i = 0; i < count; i++) table.push({ id: `${table.length}`, contentHash: "h", text: `${table.length}` });
  };
  add(options.texts ?? 0);
  let inside = 0;
  const queue = new EmbeddingQueue({
    repository: {
      async pendingEmbeddings(_model, limit) {
        const found = table.filter(({ id }) => !embedded.includes(id)).slice(0, limit);
        await options.answered?.();
        return found;
      },
      storeEmbeddings: async (_model, embeddings) => {
        for (const { id, vector } of embeddings) {
          expect(vector).toEqual([Number(id)]);
          embedded.push(id);
        }
        return embeddings.length;
      },
    },
    embedder: {
      embedModel: "m",
      async embed(texts) {
        expect(++inside).toBeLessThanOrEqual(2);
        try {
          await options.gate?.(texts);
          if (failures.length > 0) throw failures.shift();
          batches.push(texts.length);
          return texts.map((text) => [Number(text)]);
        } finally {
          inside -= 1;
        }
      },
    },
    redelivery: new Redelivery(clock, new CallScopes()),
    onEmbedded: (count) => counts.push(count),
  });
  return { clock, queue, table, embedded, batches, counts, add };
}

describe("the embedding queue", () => {
  it("embeds what the table has once, in batches of 32, two at a time", async () => {
    const { queue, embedded, batches, counts } = setUp({ texts: 150 });
    await queue.drain();
    expect(batches).toEqual([32, 32, 32, 32, 22]);
    expect(counts).toEqual([32, 32, 32, 32, 22]);
    expect(embedded).toHaveLength(150);
    expect(new Set(embedded).size).toBe(150);
  });

  it("goes on while one call of the model hangs", async () => {
    let release: () => void = () => undefined;
    const hanging = new Promise<void>((resolve) => (release = resolve));
    const gate = (texts: readonly string[]) => (texts.includes("0") ? hanging : Promise.resolve());
    const { queue, embedded } = setUp({ texts: 100, gate });
    queue.wake();
    await expect.poll(() => embedded.length).toBe(68);
    release();
    await queue.rest();
    expect(embedded).toHaveLength(100);
  });

  it("keeps two calls at work also with what is stored while it is embedding", async () => {
    const first = Promise.withResolvers<void>();
    const others = Promise.withResolvers<void>();
    const asked: number[] = [];
    const gate = ({ length }: readonly string[]) => (asked.push(length) === 1 ? first : others).promise;
    const { queue, embedded, add } = setUp({ texts: 5, gate });
    queue.wake();
    await expect.poll(() => asked).toEqual([5]);
    add(80);
    queue.wake();
    first.resolve();
    await expect.poll(() => asked).toEqual([5, 32, 32]);
    others.resolve();
    await queue.rest();
    expect(embedded).toHaveLength(85);
  });

  it("embeds nothing twice that one call stores while the table answers another", async () => {
    let looks = 0;
    let stored: () => boolean = () => false;
    const answered = async () => {
      if (++looks === 2) await expect.poll(() => stored()).toBe(true);
    };
    const { queue, embedded, counts } = setUp({ texts: 70, answered });
    stored = () => counts.length === 1;
    await queue.drain();
    expect(counts).toEqual([32, 32, 6]);
    expect(embedded).toHaveLength(70);
  });

  it("asks the model nothing when nothing is left", async () => {
    const { queue, batches } = setUp();
    await queue.drain();
    await queue.drain();
    expect(batches).toEqual([]);
  });

  it("also takes what is stored while it is embedding, however often it is woken", async () => {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    let asked = 0;
    const gate = ({ length }: readonly string[]) => ((asked += length), opened);
    const { queue, embedded, batches, add } = setUp({ texts: 10, gate });
    queue.wake();
    queue.wake();
    await expect.poll(() => asked).toBe(10);
    add(5);
    queue.wake();
    open();
    await queue.rest();
    expect(embedded).toHaveLength(15);
    expect(batches).toEqual([10, 5]);
  });

  it("is over a passing failure before anyone asks", async () => {
    const { clock, queue, embedded } = setUp({
      texts: 3,
      failures: [new IntegrationError({ code: "CIRCUIT_OPEN", message: "open" })],
    });
    const drained = queue.drain();
    await clock.advance(250);
    await drained;
    expect(embedded).toHaveLength(3);
  });

  it("tells of a failure that stays, when drained and not before", async () => {
    const failure = new IntegrationError({ code: "NOT_FOUND", message: "the model is not there" });
    const { queue, embedded } = setUp({ texts: 3, failures: [failure, failure] });
    queue.wake();
    await queue.rest();
    await expect(queue.drain()).rejects.toBe(failure);
    expect(embedded).toEqual([]);
    await queue.drain();
    expect(embedded).toHaveLength(3);
  });

  it("forgets a failure that the last pass made good", async () => {
    const { queue, embedded } = setUp({ texts: 3, failures: [new TypeError("once")] });
    queue.wake();
    await queue.drain();
    expect(embedded).toHaveLength(3);
  });
});
