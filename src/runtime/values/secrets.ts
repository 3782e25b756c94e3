/**
 * What looks like a secret: keys that name one, and texts that are one, or hold one. Pure.
 *
 * It is a net for what gets into messages, events and logs by accident, and no proof that nothing does.
 */

import { beginningOf } from './cut-text.ts';

/** What is shown in place of a secret. */
export const REDACTED = '[redacted]';

/** The longest text that is looked through. */
const MAX_LOOKED = 65_536;

/** A number of tokens is no secret. */
const SECRET_KEY =
  /pass(?:word|phrase|wd)|secret|token(?!s)|api[-_]?key|(?:private|access|auth|signing|encryption)[-_]?key|credential|authorization|cookie|connection[-_]?string|signature/i;

/**
 * Keys as their issuers mark them, tokens that are signed, private keys, and what stands before a host.
 *
 * What may be sought again from each place of a long text has a bound: without it one text holds up the program for
 * seconds.
 */
const KNOWN = new RegExp(
  [
    String.raw`\b(?:sk|pk|rk)[-_][\w-]{6,}`,
    String.raw`\b(?:gh[opsur]|github_pat|gsk|hf|npm)_\w{16,}`,
    String.raw`\b(?:glpat|pplx|xai|xox[a-z])-[\w-]{10,}`,
    String.raw`\bAIza[\w-]{20,}`,
    String.raw`\bA(?:KI|SI)A[0-9A-Z]{16}\b`,
    String.raw`\beyJ[\w-]{8,1024}\.[\w-]{8,}(?:\.[\w-]*)?`,
    String.raw`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`,
    String.raw`(?<=\b(?:Bearer|Basic) {1,8})[\w+/=.~-]{8,}`,
    String.raw`(?<=:\/\/)[^\s/@]+(?=@)`,
  ].join('|'),
  'g',
);

/** Letters and digits, many of them without a pause: no words, no path, no UUID. */
const LONG_TOKEN = /(?<![\w+=-])(?=[\w+=-]*\d)(?=[\w+=-]*[A-Za-z])[\w+=-]*[A-Za-z0-9]{24}[\w+=-]*/g;

/**
 * The last word of a key that tells how much of something there is, until when, or which it is: `tokenLimit`,
 * `password_length`, `cookieId`.
 */
const MEASURES: ReadonlySet<string> = new Set(
  (
    'count counts limit limits max min budget budgets quota length size bytes characters ms seconds minutes hours days ttl age at in ' +
    'until expiry expires expiration exp iat timeout duration lifetime window usage used left total rate ratio percent score strength ' +
    'price cost version index position offset attempts retries id status'
  ).split(' '),
);
/** The first: `maxTokenAge`, `timeToFirstToken`. */
const BOUNDS: ReadonlySet<string> = new Set(['max', 'min', 'num', 'total', 'average', 'time']);

/** Whether a key says that what stands under it is a secret: a text, or what holds one. For numbers: `isSecretFigure`. */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key);
}

/** Whether a key says that a number under it is a secret, as a PIN under `password` is. */
export function isSecretFigure(key: string): boolean {
  if (!SECRET_KEY.test(key)) return false;
  const words = key
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z\d]+/);
  // `costPerToken`.
  return !words.includes('per') && !BOUNDS.has(words[0]!) && !MEASURES.has(words.at(-1)!);
}

/** Of the keys on the way to a value, one that says that it is a secret: for a number too, if any does. */
export function secretKeyOf(keys: readonly string[]): string | undefined {
  return keys.find(isSecretFigure) ?? keys.find(isSecretKey);
}

/** The text without what issuers of keys mark as one; one that is very long is cut. */
export function withoutKnownSecrets(text: string): string {
  return beginningOf(text, MAX_LOOKED).replace(KNOWN, REDACTED);
}

/** The text without whatever may be a key or a token, ids that are long and random among them. */
export function withoutSecrets(text: string): string {
  return withoutKnownSecrets(text).replace(LONG_TOKEN, REDACTED);
}
