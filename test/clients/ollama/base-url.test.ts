import { describe, expect, it } from "vitest";
import { normalizeBaseUrl } from "../../../src/clients/ollama/index.ts";

describe("normalizeBaseUrl", () => {
  it.each([
    ["http://localhost:11434", "http://localhost:11434"],
    ["http://localhost:11434/", "http://localhost:11434"],
    ["http://localhost:11434/v1", "http://localhost:11434"],
    ["http://localhost:11434/v1/", "http://localhost:11434"],
    ["http://localhost:11434/api", "http://localhost:11434"],
    ["http://localhost:11434/api//", "http://localhost:11434"],
    ["  http://localhost:11434  ", "http://localhost:11434"],
    ["localhost:11434", "http://localhost:11434"],
    ["localhost", "http://localhost:11434"],
    ["localhost:80", "http://localhost"],
    ["localhost/v1", "http://localhost:11434"],
    [":11434", "http://127.0.0.1:11434"],
    [":8080", "http://127.0.0.1:8080"],
    ["0.0.0.0", "http://127.0.0.1:11434"],
    ["http://0.0.0.0:11434", "http://127.0.0.1:11434"],
    ["[::]:11434", "http://[::1]:11434"],
    ["::1", "http://[::1]:11434"],
    ["[::1]", "http://[::1]:11434"],
    ["http://[fd00::1]:11434/v1", "http://[fd00::1]:11434"],
    ["http://ollama.example.com", "http://ollama.example.com"],
    ["https://ollama.com", "https://ollama.com"],
    ["https://gw.example.com/ollama/v1", "https://gw.example.com/ollama"],
    ["https://gw.example.com/v1/ollama", "https://gw.example.com/v1/ollama"],
    ["https://gw.example.com/ollama?x=1#y", "https://gw.example.com/ollama"],
  ])("reads %j as %s", (given, root) => {
    expect(normalizeBaseUrl(given)).toEqual({ root });
  });

  it("takes credentials out of the URL into a header that does not print", () => {
    const { root, authorization } = normalizeBaseUrl("https://me:p%40ss@gw.example.com/v1");
    expect(root).toBe("https://gw.example.com");
    expect(authorization?.reveal()).toBe(`Basic ${Buffer.from("me:p@ss").toString("base64")}`);
    expect(JSON.stringify({ authorization })).not.toContain("cGFzc");
    // Written as it is, by somebody who did not know.
    const asItIs = normalizeBaseUrl("https://me:50%off@gw.example.com").authorization;
    expect(asItIs?.reveal()).toBe(`Basic ${Buffer.from("me:50%off").toString("base64")}`);
  });

  it.each(["", "ftp://host/x", "http://", "postgres://me:secret@host/db", "http://me:secret@ho st"])(
    "refuses %j without showing it",
    (given) => {
      expect(() => normalizeBaseUrl(given)).toThrow(/baseUrl.*OLLAMA_BASE_URL/);
      try {
        normalizeBaseUrl(given);
      } catch (error) {
        expect(String(error)).not.toContain("secret");
      }
    },
  );
});
