/** As package.json's `engines` has it, for where nobody asked npm. */
const LEAST = { major: 22, minor: 12 };

/** What to tell somebody whose Node is too old; undefined if it is not. @param version e.g. `22.12.0` */
export function nodeProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > LEAST.major || (major === LEAST.major && minor >= LEAST.minor)) return undefined;
  return `needs Node ${LEAST.major}.${LEAST.minor} or newer, but this is ${version}`;
}
