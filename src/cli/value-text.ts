/** A value as it is written in a command: JSON, or else the text itself. */
export function valueFrom(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
