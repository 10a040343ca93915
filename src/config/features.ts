import { type RuleContext } from "./rules/context.ts";

/** Whether a feature is on; if not, why. */
export interface FeatureStatus {
  readonly enabled: boolean;
  /** One line for `doctor`, `health()` and FEATURE_DISABLED. */
  readonly reason?: string;
  /** The variable that turns it on or off. */
  readonly variable: string;
}

interface FeatureRule {
  readonly variable: string;
  /** Without these the feature is off, or an error if the host switched it on by name. */
  readonly needs: readonly string[];
  /** Of these, the ones whose absence is an error until the host switches the feature off by name. */
  readonly required?: readonly string[];
}

const supabase = ["SUPABASE_URL", "SUPABASE_ANON_KEY"];
const database = ["NEON_CONNECTION_STRING"];
const management = ["NEON_PROJECT_ID", "NEON_API_KEY"];

/** A feature whose variable is among its needs has no switch: setting the variable turns it on. */
export const featureRules = {
  vectorSearch: { variable: "ENABLE_VECTOR_SEARCH", needs: database },
  semanticSearch: { variable: "ENABLE_SEMANTIC_SEARCH", needs: database },
  persistentStorage: { variable: "ENABLE_PERSISTENT_STORAGE", needs: database, required: database },
  marketMonitoring: { variable: "ENABLE_MARKET_MONITORING", needs: database },
  realtimeCollaboration: {
    variable: "ENABLE_REALTIME_COLLABORATION",
    needs: [...database, ...supabase],
    required: supabase,
  },
  userAuthentication: { variable: "ENABLE_USER_AUTHENTICATION", needs: supabase, required: supabase },
  fileStorage: { variable: "ENABLE_FILE_STORAGE", needs: supabase, required: supabase },
  adminAuth: { variable: "SUPABASE_SERVICE_KEY", needs: ["SUPABASE_URL", "SUPABASE_SERVICE_KEY"] },
  scraping: { variable: "TINYFISH_API_KEY", needs: ["TINYFISH_API_KEY"] },
  webhooks: { variable: "ENABLE_WEBHOOKS", needs: [...database, "WEBHOOK_SECRET"] },
  neonAdmin: { variable: "NEON_API_KEY", needs: management },
  backup: { variable: "BACKUP_ENABLED", needs: management },
  pointInTimeRecovery: { variable: "POINT_IN_TIME_RECOVERY", needs: management },
  dataApi: { variable: "NEON_DATA_API_URL", needs: ["NEON_DATA_API_URL"] },
  serviceTokens: { variable: "JWT_SECRET", needs: ["JWT_SECRET"] },
  sessions: { variable: "SESSION_SECRET", needs: ["SESSION_SECRET"] },
  encryption: { variable: "ENCRYPTION_KEY", needs: ["ENCRYPTION_KEY"] },
  geocoding: { variable: "GOOGLE_MAPS_API_KEY", needs: ["GOOGLE_MAPS_API_KEY"] },
  email: { variable: "SENDGRID_API_KEY", needs: ["SENDGRID_API_KEY", "SENDGRID_FROM_EMAIL"] },
  payments: { variable: "STRIPE_SECRET_KEY", needs: ["STRIPE_SECRET_KEY"] },
  redis: { variable: "REDIS_URL", needs: ["REDIS_URL"] },
} as const satisfies Record<string, FeatureRule>;

export type FeatureName = keyof typeof featureRules;

/** Decides what is on. What the host asked for and cannot have is reported, each missing variable once. */
export function decideFeatures(context: RuleContext): Record<FeatureName, FeatureStatus> {
  const wanted = new Map<string, string[]>();
  const entries = Object.entries<FeatureRule>(featureRules).map(
    ([name, rule]) => [name, decide(rule, context, wanted)] as const,
  );
  for (const [missing, variables] of wanted) {
    const off = variables.map((name) => `${name}=false`);
    context.report.refuse(
      missing,
      `is required by ${listed(variables)}, but not set`,
      `set it to ${context.expects(missing)}, or turn off what you do not need: ${off.join(", ")}`,
    );
  }
  return Object.fromEntries(entries) as Record<FeatureName, FeatureStatus>;
}

function decide(rule: FeatureRule, context: RuleContext, wanted: Map<string, string[]>): FeatureStatus {
  const { variable, needs, required = [] } = rule;
  const hasSwitch = !needs.includes(variable);
  if (hasSwitch && context.valueOf(variable) === false)
    return { enabled: false, reason: `${variable} is false`, variable };
  const missing = needs.filter((name) => context.valueOf(name) === undefined);
  if (missing.length === 0) return { enabled: true, variable };
  const unset = missing.filter((name) => !context.isSet(name));
  const demanded = hasSwitch && context.isSet(variable) ? unset : unset.filter((name) => required.includes(name));
  for (const name of demanded) wanted.set(name, [...(wanted.get(name) ?? []), variable]);
  if (!hasSwitch && context.isSet(variable))
    for (const name of unset) context.report.warn(name, `is not set, so ${variable} has no effect`);
  const reason = unset.length > 0 ? `${listed(unset)} not set` : `${listed(missing)} not valid`;
  return { enabled: false, reason, variable };
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
