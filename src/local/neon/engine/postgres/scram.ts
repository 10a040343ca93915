import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import { fatal } from "../../wire/index.ts";

const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/**
 * The client's half of SCRAM-SHA-256, without channel binding.
 * @see https://www.rfc-editor.org/rfc/rfc7677
 */
export class Scram {
  readonly #password: string;
  readonly #firstBare: string;
  readonly #nonce: string;
  #serverSignature: Buffer | undefined;

  constructor(password: string, nonce = randomBytes(18).toString("base64")) {
    this.#password = password;
    this.#nonce = nonce;
    this.#firstBare = `n=,r=${nonce}`; // PostgreSQL takes the name from the start-up message
  }

  first(): string {
    return `n,,${this.#firstBare}`;
  }

  /** @throws SqlFault 28000 for a challenge that answers somebody else */
  final(challenge: string): string {
    const { r = "", s = "", i = "" } = fieldsOf(challenge);
    const iterations = Number(i);
    if (!r.startsWith(this.#nonce) || r === this.#nonce || s === "" || !(iterations >= 1))
      throw fatal("28000", "the server's SCRAM challenge is malformed");
    const salted = pbkdf2Sync(this.#password.normalize("NFKC"), Buffer.from(s, "base64"), iterations, 32, "sha256");
    const clientKey = hmac(salted, "Client Key");
    const withoutProof = `c=biws,r=${r}`;
    const message = `${this.#firstBare},${challenge},${withoutProof}`;
    const signature = hmac(createHash("sha256").update(clientKey).digest(), message);
    this.#serverSignature = hmac(hmac(salted, "Server Key"), message);
    const proof = clientKey.map((byte, at) => byte ^ signature[at]!);
    return `${withoutProof},p=${Buffer.from(proof).toString("base64")}`;
  }

  /** @throws SqlFault 28000 when the server does not know the password either */
  verify(outcome: string): void {
    const given = Buffer.from(fieldsOf(outcome)["v"] ?? "", "base64");
    const wanted = this.#serverSignature;
    if (!wanted || given.length !== wanted.length || !timingSafeEqual(given, wanted))
      throw fatal("28000", "the server's SCRAM signature is wrong");
  }
}

function fieldsOf(message: string): Record<string, string> {
  return Object.fromEntries(message.split(",").map((field) => [field.slice(0, 1), field.slice(2)]));
}
