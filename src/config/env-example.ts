import { type Setting } from "./setting.ts";
import { allSettings } from "./settings/index.ts";

const header = `# Every setting of enhanced-integration. Copy this file to .env and fill in what you need.
#
# Every line is commented out: what you leave alone keeps the default shown, or the one of its NODE_ENV profile.
# loadEnv() reads .env, .env.<NODE_ENV>, .env.local and the process environment; the later one wins.
# A secret can also come from a file: NEON_API_KEY_FILE=/run/secrets/neon-api-key.
# \`enhanced-integration explain\` shows what is in effect, and why.
`;

/** The text of `.env.example`. Taken as it is, it changes nothing: secrets are empty and every line is a comment. */
export function renderEnvExample(): string {
  const areas = Map.groupBy(allSettings, ({ path }) => path[0] ?? "");
  const blocks = [...areas].map(([area, placed]) => {
    const entries = placed.map(({ setting }) => renderSetting(setting));
    return `# ${area} ${"-".repeat(Math.max(0, 76 - area.length))}\n\n${entries.join("\n\n")}\n`;
  });
  return [header, ...blocks].join("\n");
}

function renderSetting({ name, kind, description, default: fallback, profiles, alias }: Setting): string {
  const others = Object.entries(profiles).map(([profile, text]) => `${text} in ${profile}`);
  const lines = [
    description,
    `Value: ${kind.expects}.`,
    ...(others.length > 0 ? [`Default otherwise: ${others.join(", ")}.`] : []),
    ...(alias === undefined ? [] : [`Also read from ${alias}, which wins where both are set.`]),
    `${name}=${fallback ?? ""}`,
  ];
  return lines.map((line) => `# ${line}`).join("\n");
}
