/** Numbers as Go prints them: what an alert says here and what the same rule says in Prometheus must be one text. */

/** `%g`: exponents below 1e-4, where ECMAScript waits until 1e-6, and of two digits at least. */
export function printShortest(value: number): string {
  const special = printSpecial(value);
  if (special !== undefined) return special;
  const magnitude = Math.abs(value);
  return magnitude < 1e-4 || magnitude >= 1e21 ? twoDigitExponent(value.toExponential()) : String(value);
}

/** `%.4g`. */
export function printFourDigits(value: number): string {
  const special = printSpecial(value);
  if (special !== undefined) return special;
  const rounded = roundToDigits(value, 4);
  const exponent = Number(rounded.toExponential().split("e")[1]);
  return exponent >= -4 && exponent < 4 ? String(rounded) : twoDigitExponent(rounded.toExponential());
}

/** `%.2f`. */
export function printFixed(value: number, digits: number): string {
  const special = Number.isFinite(value) ? undefined : printSpecial(value);
  if (special !== undefined) return special;
  const exponent = Number(value.toExponential().split("e")[1]);
  const significant = exponent + 1 + digits;
  const rounded = significant > 0 && significant <= 15 ? roundToDigits(value, significant) : value;
  return signOfZero(value) + rounded.toFixed(digits);
}

/** `%.2e`. */
export function printExponential(value: number, digits: number): string {
  const special = Number.isFinite(value) ? undefined : printSpecial(value);
  return special ?? signOfZero(value) + twoDigitExponent(roundToDigits(value, digits + 1).toExponential(digits));
}

/** Go writes it. */
const signOfZero = (value: number): string => (Object.is(value, -0) ? "-" : "");

function printSpecial(value: number): string | undefined {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return value === 0 ? (Object.is(value, -0) ? "-0" : "0") : undefined;
}

const twoDigitExponent = (text: string): string => text.replace(/e([+-])(\d)$/, "e$10$2");

/** Halves go to the even digit; ECMAScript's own rounding takes them up. A hundred digits show every half there is. */
function roundToDigits(value: number, count: number): number {
  const [mantissa = "", exponent = ""] = Math.abs(value).toExponential(100).split("e");
  const digits = mantissa.replace(".", "");
  const isHalf = /^50*$/.test(digits.slice(count));
  const isEven = Number(digits[count - 1]) % 2 === 0;
  if (!isHalf || !isEven) return Number(value.toExponential(count - 1));
  return Math.sign(value) * Number(`${digits[0]}.${digits.slice(1, count)}e${exponent}`);
}
