/** The gallery's encoder, and what it was trained on. */
import { messages } from "../messages";
import { gallery } from "../state";

export const encoderWords = (): string => {
  const encoder = gallery.value?.encoder;
  return encoder ? messages.value.holdings.encoder(encoder.name, encoder.note) : "";
};
