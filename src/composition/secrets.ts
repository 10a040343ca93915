import { type Config } from "../config/index.ts";
import { Secret } from "../core/index.ts";

/** Every secret of the settings, wherever it stands: the logger removes their values from each line. */
export function secretsOf(config: Config): Secret[] {
  const found: Secret[] = [];
  const visit = (value: unknown): void => {
    if (value instanceof Secret) found.push(value as Secret);
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(visit);
  };
  visit(config);
  return [...found, ...found.flatMap(passwordOf)];
}

/** A connection string is a secret, and so is the password alone. */
function passwordOf(secret: Secret): Secret[] {
  const value = secret.reveal();
  if (typeof value !== "string" || !URL.canParse(value)) return [];
  const { password } = new URL(value);
  return password === "" ? [] : [new Secret(password), new Secret(decodeURIComponent(password))];
}
