import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { describe, expect, it } from "vitest";
import { addressKey } from "../../src/core/index.ts";

/** What ipaddr.js makes of an address: the same rule over its own parser. */
function oracle(address: string, prefixBits: number): string {
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  const bytes = parsed.toByteArray();
  if (["ipv4Mapped", "rfc6145", "rfc6052"].includes(parsed.range()))
    return ipaddr.fromByteArray(bytes.slice(12)).toString();
  const network = ipaddr.IPv6.networkAddressFromCIDR(`${address.split("%")[0]}/${prefixBits}`);
  return `${network.toNormalizedString()}/${prefixBits}`;
}
/** In the oracle's spelling. */
const spelledOut = (key: string): string => {
  const [address, bits] = key.split("/");
  return bits === undefined ? key : `${ipaddr.IPv6.parse(address!).toNormalizedString()}/${bits}`;
};

const byte = fc.integer({ min: 0, max: 255 });
const ipv4 = fc.tuple(byte, byte, byte, byte).map((parts) => parts.join("."));
const ipv6Bytes = fc.oneof(
  fc.array(byte, { minLength: 16, maxLength: 16 }),
  fc.array(fc.constantFrom(0, 0, 0, 255), { minLength: 16, maxLength: 16 }), // runs of zeros, and the prefixes
  fc
    .tuple(
      fc.constantFrom(
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255],
        [0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0],
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0],
      ),
      fc.array(byte, { minLength: 4, maxLength: 4 }),
    )
    .map((parts) => parts.flat()),
);
/** The ways in which one address is written. */
const spellings = (bytes: readonly number[]): string[] => {
  const address = ipaddr.fromByteArray([...bytes]) as ipaddr.IPv6;
  const head = address.parts.slice(0, 6).map((part) => part.toString(16));
  return [
    address.toString(),
    address.toNormalizedString(),
    address.parts.map((part) => part.toString(16).padStart(4, "0").toUpperCase()).join(":"),
    `${head.join(":")}:${bytes.slice(12).join(".")}`,
  ];
};
const prefix = fc.integer({ min: 1, max: 128 });

describe("addressKey, beside ipaddr.js", () => {
  it("reads IPv6 alike in every spelling, with a port, brackets or a zone", () => {
    fc.assert(
      fc.property(ipv6Bytes, prefix, fc.integer({ min: 0, max: 65_535 }), (bytes, bits, port) => {
        for (const address of spellings(bytes)) {
          const expected = oracle(address, bits);
          for (const written of [address, `[${address}]`, `[${address}]:${port}`, `${address}%eth0`])
            expect(spelledOut(addressKey(written, bits))).toBe(expected);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("reads IPv4 as itself, with and without a port", () => {
    fc.assert(
      fc.property(ipv4, fc.integer({ min: 0, max: 65_535 }), (address, port) => {
        expect([addressKey(address), addressKey(`${address}:${port}`)]).toEqual([address, address]);
      }),
    );
  });

  it("never makes one client of two IPv4 addresses, whichever way IPv6 carries them", () => {
    fc.assert(
      fc.property(
        ipv4,
        ipv4,
        fc.constantFrom("::ffff:", "::ffff:0:", "64:ff9b::"),
        prefix,
        (one, other, form, bits) => {
          expect(addressKey(form + one, bits)).toBe(one);
          expect(addressKey(form + one, bits) === addressKey(form + other, bits)).toBe(one === other);
        },
      ),
    );
  });

  it("gives everything that is no address one key", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          ipv4.map((each) => `0${each}`),
          ipv4.map((each) => `${each}, ${each}`),
        ),
        (text) => {
          const isAddress = ipaddr.isValid(text) && !/^[^:]*$/.test(text);
          if (!isAddress && !ipaddr.IPv4.isValidFourPartDecimal(text)) expect(addressKey(text)).toBe("unknown");
        },
      ),
    );
  });
});
