import { type ConfigIssue } from "../core/index.ts";

/** Something that works but is probably not meant. */
export interface ConfigWarning {
  readonly name: string;
  readonly message: string;
}

/** Gathers everything that is wrong or doubtful, so that the host hears it all at once. */
export class Report {
  readonly issues: ConfigIssue[] = [];
  readonly warnings: ConfigWarning[] = [];

  /** A second problem of the same variable is usually the first one's echo: it is dropped. */
  refuse(name: string, problem: string, hint: string): void {
    if (!this.issues.some((issue) => issue.name === name)) this.issues.push({ name, problem, hint });
  }

  warn(name: string, message: string): void {
    this.warnings.push({ name, message });
  }
}
