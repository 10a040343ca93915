import { flag } from "../kinds/index.ts";
import { setting } from "../setting.ts";

const feature = (name: string, description: string) => setting(name, flag, { default: "true", description });

/** What is off rejects with FEATURE_DISABLED, naming the variable. */
export const featureSettings = {
  vectorSearch: feature("ENABLE_VECTOR_SEARCH", "Search of listings by the meaning of a text alone, over pgvector."),
  semanticSearch: feature("ENABLE_SEMANTIC_SEARCH", "Search of listings by meaning and by words, ranked together."),
  realtimeCollaboration: feature(
    "ENABLE_REALTIME_COLLABORATION",
    "Live changes of workflows and listings through Supabase Realtime channels.",
  ),
  persistentStorage: feature("ENABLE_PERSISTENT_STORAGE", "Writes of listings, workflows and alerts to Neon."),
  userAuthentication: feature("ENABLE_USER_AUTHENTICATION", "Sign-up, sign-in and token checks through Supabase Auth."),
  fileStorage: feature("ENABLE_FILE_STORAGE", "Files in Supabase Storage beside their rows in Neon."),
  marketMonitoring: feature("ENABLE_MARKET_MONITORING", "Market alerts on new and changed listings."),
  webhooks: feature(
    "ENABLE_WEBHOOKS",
    "Delivery of events to the WEBHOOK_* endpoints; validated now, used once outbound webhooks are built.",
  ),
};
