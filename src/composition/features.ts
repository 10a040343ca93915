import { type Config } from "../config/index.ts";
import { IntegrationError } from "../core/index.ts";
import { type FeatureSwitches } from "../listings/index.ts";

/** The settings' switches as the domain asks them. */
export function featureSwitches(config: Config): FeatureSwitches {
  return {
    isOn: (feature) => config.features[feature].enabled,
    require(feature) {
      const { enabled, variable, reason } = config.features[feature];
      if (enabled) return;
      const why = reason ?? `${variable} is off`;
      throw new IntegrationError({ code: "FEATURE_DISABLED", message: `${feature} is off (${why}); see ${variable}` });
    },
  };
}
