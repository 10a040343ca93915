import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds this package's `migrations/` and `data/`, from the sources and from the build alike. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!(existsSync(join(folder, "package.json")) && existsSync(join(folder, "migrations")))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new Error(
        "enhanced-integration: the package's migrations folder was not found beside its code; reinstall the package",
      );
    folder = parent;
  }
  return folder;
}
