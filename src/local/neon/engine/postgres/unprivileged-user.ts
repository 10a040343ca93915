import { execFileSync } from "node:child_process";

export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root; `nobody` is on every system, so that none has to be made. */
const candidates = ["postgres", "nobody"];

/** Who runs the server. @returns undefined for ourselves */
export function unprivilegedUser(): UserIds | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of candidates) {
    try {
      const [uid, gid] = ["-u", "-g"].map((flag) =>
        Number(execFileSync("id", [flag, name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })),
      );
      if (uid && gid) return { uid, gid };
    } catch {
      // the next one
    }
  }
  throw new Error(`PostgreSQL does not run as root, and there is no user ${candidates.join(" or ")} to run it as`);
}
