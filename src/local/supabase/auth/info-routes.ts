import { type Route } from "../router.ts";
import { type AuthContext } from "./auth-context.ts";
import { AuthFault } from "./auth-fault.ts";

const SETTINGS = {
  external: { email: true, phone: false, anonymous_users: false },
  disable_signup: false,
  mailer_autoconfirm: true,
  phone_autoconfirm: false,
  sms_provider: "",
  saml_enabled: false,
};

/** What the service says about itself, and the refusals of what this project does not offer. */
export function infoRoutes(auth: AuthContext): Route[] {
  return [
    {
      on: "GET /auth/v1/health",
      handle: () => Response.json({ version: "local", name: "GoTrue", description: "local stand-in of Supabase Auth" }),
    },
    { on: "GET /auth/v1/settings", handle: () => Response.json(SETTINGS) },
    { on: "GET /auth/v1/.well-known/jwks.json", open: true, handle: () => Response.json(auth.tokens.jwks()) },
    // No mail leaves this machine; the real service, too, does not tell whether the address is known.
    { on: "POST /auth/v1/recover", handle: () => Response.json({}) },
    { on: "POST /auth/v1/resend", handle: () => Response.json({}) },
    refusal("POST /auth/v1/otp", 422, "otp_disabled", "Signups not allowed for otp"),
    refusal("POST /auth/v1/magiclink", 422, "otp_disabled", "Signups not allowed for otp"),
    refusal("POST /auth/v1/verify", 403, "otp_expired", "Token has expired or is invalid"),
    refusal("POST /auth/v1/factors", 422, "mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP"),
    refusal("POST /auth/v1/sso", 404, "saml_provider_disabled", "SAML 2.0 is disabled"),
    refusal("GET /auth/v1/authorize", 400, "validation_failed", "Unsupported provider: provider is not enabled"),
  ];
}

function refusal(on: string, status: number, code: string, message: string): Route {
  return {
    on,
    handle: () => {
      throw new AuthFault(status, code, message);
    },
  };
}
