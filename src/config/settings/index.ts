import { flattenSettings } from "../setting.ts";
import { appSettings, debugSettings, loggingSettings, serverSettings } from "./app.ts";
import { featureSettings } from "./features.ts";
import { limitSettings } from "./limits.ts";
import { neonSettings } from "./neon.ts";
import { ollamaSettings } from "./ollama.ts";
import {
  backupSettings,
  cacheSettings,
  callSettings,
  healthSettings,
  metricsSettings,
  querySettings,
  redisSettings,
} from "./operations.ts";
import { thirdPartySettings, webhookSettings } from "./outbound.ts";
import { securitySettings } from "./security.ts";
import { supabaseSettings } from "./supabase.ts";
import { tinyfishSettings } from "./tinyfish.ts";

/** Every variable, nested as the config is. Parsing, defaults, `explain` and `.env.example` all derive from here. */
export const settings = {
  app: appSettings,
  server: serverSettings,
  logging: loggingSettings,
  neon: neonSettings,
  supabase: supabaseSettings,
  features: featureSettings,
  limits: limitSettings,
  security: securitySettings,
  ollama: ollamaSettings,
  tinyfish: tinyfishSettings,
  metrics: metricsSettings,
  health: healthSettings,
  webhooks: webhookSettings,
  cache: cacheSettings,
  calls: callSettings,
  queries: querySettings,
  debug: debugSettings,
  backup: backupSettings,
  thirdParty: thirdPartySettings,
  redis: redisSettings,
};

/** The same, as a list in the order of the table. */
export const allSettings = flattenSettings(settings);
