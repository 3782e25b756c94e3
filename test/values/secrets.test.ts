/** How much of a text is looked through for secrets. */
import { expect, test } from 'vitest';
import {
  isSecretFigure,
  isSecretKey,
  REDACTED,
  withoutKnownSecrets,
  withoutSecrets,
} from '../../src/runtime/values/secrets.ts';

const MAX_LOOKED = 65_536;

test('a text is looked through to its end, as long as it is not cut, and nothing comes of what is beyond', () => {
  const key = 'sk-abcdefgh';
  const room = (length: number) => ' '.repeat(length - key.length) + key;
  expect(withoutKnownSecrets(room(MAX_LOOKED))).toBe(' '.repeat(MAX_LOOKED - key.length) + REDACTED);
  expect(withoutKnownSecrets(' '.repeat(MAX_LOOKED) + key)).toBe(' '.repeat(MAX_LOOKED));
  expect(withoutSecrets('y'.repeat(MAX_LOOKED + 1))).toBe('y'.repeat(MAX_LOOKED));
});

test('a long token of letters and digits goes, words and numbers stay', () => {
  expect(withoutSecrets('see a1b2c3d4e5f6g7h8i9j0k1l2m3n4 there')).toBe(`see ${REDACTED} there`);
  const plain = 'see internationalization 123456789012345678901234567890 there';
  expect(withoutSecrets(plain)).toBe(plain);
});

test.each([
  ['apiKey', true],
  ['access_key', true],
  ['Authorization', true],
  ['token', true],
  ['tokens', false],
  ['keyboard', false],
])('a key %s: is one of a secret: %s', (key, isOne) => {
  expect(isSecretKey(key)).toBe(isOne);
});

test.each([
  ['password', true],
  ['secretPin', true],
  ['API_KEY', true],
  ['tokens', false],
  ['maxTokens', false],
  ['maxToken', false],
  ['tokenLimit', false],
  ['TOKEN_COUNT', false],
  ['password-length', false],
  ['accessTokenExpiresIn', false],
  ['cookieMaxAge', false],
  ['authorizationCode', true],
  ['costPerToken', false],
  ['timeToFirstToken', false],
  ['tokenMax', false],
  ['token_timeout', false],
  ['sessionTokenLifetime', false],
  ['tokenId', false],
])('a number under %s is a secret: %s', (key, isOne) => {
  expect(isSecretFigure(key)).toBe(isOne);
});

test.each(
  [
    ' ',
    '-eyJ',
    'eyJaaaaaaaa.',
    'Bearer ',
    '://',
    '://a',
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-',
    'sk-',
    'ghp_ab ',
  ]
    .concat(['AKIA', 'a1', 'a1b2-', 'y', '1', '=-'])
    .map((part) => ({ part })),
)('no text takes long to be looked through: $part, again and again', ({ part }) => {
  const text = part.repeat(MAX_LOOKED / part.length);
  const began = process.cpuUsage();
  withoutSecrets(text);
  withoutSecrets(`Basic${text}`);
  isSecretKey(text);
  isSecretFigure(`token${text}`);
  const { user } = process.cpuUsage(began);
  // Some hundredths of a second; where each place is sought from anew, ten seconds.
  expect(user / 1_000).toBeLessThan(1_000);
});

test.each([
  ['a signed token', `eyJ${'a'.repeat(1_024)}.${'b'.repeat(8)}.c`],
  ['what follows Bearer', `Bearer${' '.repeat(8)}abcdefgh`],
])('the longest of each is found: %s', (_, text) => {
  expect(withoutKnownSecrets(text).replace(/^Bearer +/, '')).toBe(REDACTED);
});
