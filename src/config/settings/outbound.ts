import { apiKey, durationMs, integer, listOf, signingSecret, text, url } from "../kinds/index.ts";
import { setting } from "../setting.ts";

const webhookRoom = "validated now, used once outbound webhooks are built";

const endpoint = (name: string, event: string) =>
  setting(name, url({ protocols: ["https", "http"], allowQuery: true }), {
    description: `Where ${event} is delivered; ${webhookRoom}.`,
  });

export const webhookSettings = {
  secrets: setting("WEBHOOK_SECRET", listOf(signingSecret), {
    description: `Signs deliveries; in a comma list the first signs and all verify; ${webhookRoom}.`,
  }),
  timeoutMs: setting("WEBHOOK_TIMEOUT", durationMs({ min: "100ms", max: "10m" }), {
    default: "10s",
    description: `Bound of one delivery attempt; ${webhookRoom}.`,
  }),
  maxRetries: setting("WEBHOOK_RETRY_ATTEMPTS", integer({ min: 0, max: 100 }), {
    default: "3",
    description: `Retries of a delivery after the first attempt; ${webhookRoom}.`,
  }),
  retryDelayMs: setting("WEBHOOK_RETRY_DELAY", durationMs({ min: "1ms", max: "1d" }), {
    default: "2s",
    description: `Base delay before a retry, growing from attempt to attempt; ${webhookRoom}.`,
  }),
  endpoints: {
    scrapingCompleted: endpoint("WEBHOOK_SCRAPING_COMPLETED", "the end of a scraping run"),
    userRegistered: endpoint("WEBHOOK_USER_REGISTERED", "the registration of a user"),
    marketAlert: endpoint("WEBHOOK_MARKET_ALERT", "a triggered market alert"),
  },
};

export const thirdPartySettings = {
  googleMapsApiKey: setting("GOOGLE_MAPS_API_KEY", apiKey(), {
    description: "Google Maps key that geocodes listings; validated now, used once services.geocoding is built.",
  }),
  sendgridApiKey: setting("SENDGRID_API_KEY", apiKey(), {
    description: "SendGrid key for market-alert mails; validated now, used once services.email is built.",
  }),
  sendgridFromEmail: setting("SENDGRID_FROM_EMAIL", text("an e-mail address", /^[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+$/), {
    description: "Sender of those mails; validated now, used once services.email is built.",
  }),
  stripeSecretKey: setting("STRIPE_SECRET_KEY", apiKey(), {
    description: "Stripe key for payments; validated now, used once services.payments is built.",
  }),
  stripeWebhookSecret: setting("STRIPE_WEBHOOK_SECRET", apiKey(), {
    description: "Verifies Stripe's webhooks; validated now, used once services.payments is built.",
  }),
};
