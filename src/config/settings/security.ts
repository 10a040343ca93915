import { durationSeconds, listOf, signingSecret } from "../kinds/index.ts";
import { setting } from "../setting.ts";

export const securitySettings = {
  sessionSecrets: setting("SESSION_SECRET", listOf(signingSecret), {
    description:
      "Seals session cookies; in a comma list the first seals and all open; validated now, used once session cookies are built.",
  }),
  encryptionKeys: setting("ENCRYPTION_KEY", listOf(signingSecret), {
    description:
      "Encrypts fields; in a comma list the first encrypts and all decrypt; validated now, used once field encryption is built.",
  }),
  jwtSecrets: setting("JWT_SECRET", listOf(signingSecret), {
    description:
      "Signs the application's own tokens; in a comma list the first signs and all verify; validated now, used once token issue is built.",
  }),
  jwtExpirySeconds: setting("JWT_EXPIRY", durationSeconds({ min: "1m", max: "31d" }), {
    default: "1h",
    description: "Lifetime of the application's own access tokens; validated now, used once token issue is built.",
  }),
  jwtRefreshExpirySeconds: setting("JWT_REFRESH_EXPIRY", durationSeconds({ min: "1m", max: "3650d" }), {
    default: "30d",
    description: "Lifetime of the application's own refresh tokens; validated now, used once token issue is built.",
  }),
};
