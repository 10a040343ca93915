import { printExponential, printFixed, printFourDigits, printShortest } from "./go-numbers.ts";

/** Numbers for people, as the template functions of Prometheus write them. */

const large = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const small = ["", "m", "u", "n", "p", "f", "a", "z", "y"];

/** 1234567 → `1.235M`. */
export function humanize(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return printFourDigits(value);
  if (Math.abs(value) < 1) return subUnit(value);
  let rest = value;
  let step = 0;
  for (; step < 8 && Math.abs(rest) >= 1_000; step += 1) rest /= 1_000;
  return `${printFourDigits(rest)}${large[step]}`;
}

/** 0.0512 → `5.12%`. */
export function humanizePercentage(value: number): string {
  return `${printFourDigits(value * 100)}%`;
}

/** Seconds: 3661 → `1h 1m 1s`. */
export function humanizeDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return printFourDigits(seconds);
  if (seconds === 0) return `${printFourDigits(seconds)}s`;
  if (Math.abs(seconds) < 1) return `${subUnit(seconds)}s`;
  const sign = seconds < 0 ? "-" : "";
  const positive = Math.abs(seconds);
  const whole = Math.trunc(positive);
  const [days, hours] = [Math.floor(whole / 86_400), Math.floor(whole / 3_600) % 24];
  const [minutes, rest] = [Math.floor(whole / 60) % 60, whole % 60];
  if (days > 0) return `${sign}${days}d ${hours}h ${minutes}m ${rest}s`;
  if (hours > 0) return `${sign}${hours}h ${minutes}m ${rest}s`;
  if (minutes > 0) return `${sign}${minutes}m ${rest}s`;
  return `${sign}${printFourDigits(positive)}s`;
}

function subUnit(value: number): string {
  let rest = value;
  let step = 0;
  for (; step < 8 && Math.abs(rest) < 1; step += 1) rest *= 1_000;
  return `${printFourDigits(rest)}${small[step]}`;
}

const pattern = /^((?:[^%]|%%)*)%(?:\.(\d{1,2}))?([feg])((?:[^%]|%%)*)$/;

/** `%.2f`, `%.0f%%`, `%g` and the like around one number. @returns undefined for any other pattern */
export function parsePrintf(text: string): ((value: number) => string) | undefined {
  const [, before = "", precision, verb, after = ""] = pattern.exec(text) ?? [];
  const digits = Number(precision ?? 6);
  if (verb === undefined || digits > 50 || (verb === "g" && precision !== undefined)) return undefined;
  const print = { f: printFixed, e: printExponential, g: printShortest }[verb as "f" | "e" | "g"];
  const [head, tail] = [before.replaceAll("%%", "%"), after.replaceAll("%%", "%")];
  return (value) => `${head}${print(value, digits)}${tail}`;
}
