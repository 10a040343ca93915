import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { postgresConnection, redisConnection, withDatabase } from "../../src/config/kinds/index.ts";

const parsed = (text: string) => {
  const result = postgresConnection.parse(text);
  if (!result.ok) throw new Error(result.problem);
  return result.value;
};

describe("a Postgres connection string", () => {
  it("is kept whole as a secret beside what may be said aloud", () => {
    const text = "postgresql://app:p%40ss@EP-cool-1234-pooler.eu-central-1.aws.neon.tech/market%20data?sslmode=require";
    const { url, ...rest } = parsed(text);
    expect(url.reveal()).toBe(text);
    expect(rest).toEqual({
      host: "ep-cool-1234-pooler.eu-central-1.aws.neon.tech",
      port: 5432,
      database: "market data",
      user: "app",
      isNeonHost: true,
      isPooler: true,
    });
    expect(inspect(parsed(text))).not.toMatch(/p%40ss|p@ss/);
  });

  it("tells Neon's hosts and poolers from others", () => {
    const facts = (host: string) => {
      const { isNeonHost, isPooler } = parsed(`postgres://u:p@${host}/db`);
      return { isNeonHost, isPooler };
    };
    expect(facts("ep-x.us-east-1.aws.neon.tech")).toEqual({ isNeonHost: true, isPooler: false });
    expect(facts("localhost")).toEqual({ isNeonHost: false, isPooler: false });
    expect(facts("neon.tech.evil.example")).toEqual({ isNeonHost: false, isPooler: false });
    expect(facts("pooler.example.com").isPooler).toBe(false);
    expect(facts("[::1]:5433").isNeonHost).toBe(false);
  });

  it("takes an unescaped @ in the password as every parser does", () => {
    expect(parsed("postgresql://u:p@ss@db.example.com/x").host).toBe("db.example.com");
  });

  it.each([
    ["no URL", "just-a-password"],
    ["another protocol", "mysql://u:hunter2@host/db"],
    ["no user", "postgresql://host/db"],
    ["an unescaped slash in the password, which would move it into the database", "postgresql://u:123/hunter2@host/db"],
    ["an unescaped question mark", "postgresql://u:123?hunter2@host/db"],
    ["an unescaped hash", "postgresql://u:123#hunter2@host/db"],
    ["a broken escape", "postgresql://u:hunter2%zz@host/db"],
    ["a bad port", "postgresql://u:hunter2@host:port/db"],
    ["two databases", "postgresql://u:hunter2@host/db/hunter2"],
    ["a Neon host without password", "postgresql://u@ep-x.neon.tech/db"],
  ])("is refused with a hint for %s, without repeating it", (_, text) => {
    const result = postgresConnection.parse(text);
    expect(result).toMatchObject({ ok: false, hint: expect.any(String) });
    expect(JSON.stringify(result)).not.toMatch(/hunter2|just-a-password/);
  });

  it("can be pointed at another database of the same server", () => {
    const other = withDatabase(parsed("postgresql://u:p%2Fw@host:6432/one?sslmode=require"), "two");
    expect(other.url.reveal()).toBe("postgresql://u:p%2Fw@host:6432/two?sslmode=require");
    expect(other.database).toBe("two");
  });
});

describe("a Redis connection string", () => {
  it("is read with and without TLS and user", () => {
    const read = (text: string) => {
      const result = redisConnection.parse(text);
      return result.ok ? { ...result.value, url: result.value.url.reveal() } : result.problem;
    };
    const plain = "redis://localhost";
    expect(read(plain)).toEqual({ url: plain, host: "localhost", port: 6379, tls: false });
    const secured = "rediss://:pw@cache.example.com:6380/0";
    expect(read(secured)).toEqual({ url: secured, host: "cache.example.com", port: 6380, tls: true });
    expect(read("http://localhost")).toContain("not a Redis");
    expect(read("redis://user:12/hunter2@cache.example.com")).toContain("not a Redis");
  });
});
