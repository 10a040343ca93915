import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { describe, expect, it } from "vitest";
import { limitKeyOfAddress, RateLimiter } from "../../src/resilience/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { thrownBy } from "./helpers.ts";

describe("limitKeyOfAddress", () => {
  it.each([
    ["203.0.113.7", "203.0.113.7"],
    ["203.0.113.7:4711", "203.0.113.7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["::FFFF:cb00:7107", "203.0.113.7"],
    ["0:0:0:0:0:ffff:203.0.113.7", "203.0.113.7"],
    ["[::ffff:203.0.113.7]:443", "203.0.113.7"],
    ["2001:db8:12:3456::1", "2001:db8:12:3400::/56"],
    ["2001:0DB8:0012:34ff:ffff:ffff:ffff:ffff", "2001:db8:12:3400::/56"],
    ["[2001:db8:12:3456::1]:443", "2001:db8:12:3400::/56"],
    ["fe80::1%eth0", "fe80::/56"],
    ["::1", "::/56"],
    ["64:ff9b::203.0.113.7", "203.0.113.7"],
    ["64:ff9b:1::203.0.113.7", "64:ff9b:1::/56"],
  ])("reads %s as %s", (address, key) => {
    expect(limitKeyOfAddress(address)).toBe(key);
  });

  it.each(["", "unknown", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4, 5.6.7.8", ":::", "::1::", "g::"])(
    "gives %j the key that all nonsense shares",
    (address) => expect(limitKeyOfAddress(address)).toBe("unknown"),
  );

  it("takes another prefix, and refuses one that is out of range", () => {
    expect(limitKeyOfAddress("2001:db8:12:3456::1", { ipv6PrefixBits: 48 })).toBe("2001:db8:12::/48");
    expect(limitKeyOfAddress("2001:db8:12:3456::1", { ipv6PrefixBits: 128 })).toBe("2001:db8:12:3456:0:0:0:1/128");
    expect(thrownBy(() => limitKeyOfAddress("::1", { ipv6PrefixBits: 32 })).message).toContain("48 to 128");
  });

  it("puts two addresses under one key exactly if they share a subnet", () => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const bits = fc.integer({ min: 48, max: 128 });
    fc.assert(
      fc.property(bytes, bytes, bits, fc.integer({ min: 0, max: 16 }), (one, other, ipv6PrefixBits, shared) => {
        other.set(one.subarray(0, shared));
        const [a, b] = [one, other].map((raw) => ipaddr.fromByteArray([...raw]) as ipaddr.IPv6);
        const within = ["ipv4Mapped", "rfc6145", "rfc6052"];
        if (within.includes(a!.range()) || within.includes(b!.range())) return;
        const [keyA, keyB] = [a!, b!].map((address, i) =>
          limitKeyOfAddress(i === 0 ? address.toString() : address.toNormalizedString(), { ipv6PrefixBits }),
        );
        expect(keyA === keyB).toBe(a!.match(b!, ipv6PrefixBits));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("keys of any length", () => {
  it("tells long keys apart by a digest, so that they cost no more memory than short ones", () => {
    const limiter = new RateLimiter({ clock: new ManualClock(), limits: { api: { requests: 1, windowMs: 1_000 } } });
    const long = "x".repeat(1_000_000);
    expect(limiter.check("api", `${long}1`).allowed).toBe(true);
    expect(limiter.check("api", `${long}1`).allowed).toBe(false);
    expect(limiter.check("api", `${long}2`).allowed).toBe(true);
  });

  it("refuses a key that is no string", () => {
    const limiter = new RateLimiter({ limits: { api: { requests: 1, windowMs: 1_000 } } });
    expect(thrownBy(() => limiter.check("api", undefined as never)).code).toBe("INVALID_INPUT");
  });
});
