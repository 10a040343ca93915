import { IntegrationError } from "../../../core/index.ts";

/**
 * A condition that cannot be understood: where, what is wrong, and how to mend it.
 * @param position in the text, counted from 0; the message counts from 1
 */
export function syntaxError(text: string, position: number, problem: string): IntegrationError {
  return new IntegrationError({
    code: "INVALID_INPUT",
    message: `Alert condition ${JSON.stringify(text)}, character ${position + 1}: ${problem}`,
    details: { position: position + 1 },
  });
}
