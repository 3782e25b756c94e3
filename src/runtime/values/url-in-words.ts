/**
 * The address of a module as text for a message: without what looks like a secret, and short where it is no file, for a
 * `data:` URL holds all of the code. Pure.
 */
import { beginningOf } from './cut-text.ts';
import { isSecretKey, REDACTED, withoutKnownSecrets } from './secrets.ts';

/** In characters: people find a file by its whole path. */
const MAX_FILE = 4_096;
const MAX_OTHER = 120;
/** One of the query. Its name goes no further than the next `?`: else one text of those holds up the program for seconds. */
const PARAMETER = /(?<=[?&])([^?=&#]+)=[^&#]*/g;

export function urlInWords(url: URL | string): string {
  const href = typeof url === 'string' ? url : url.href;
  const isFile = href.startsWith('file:');
  // The name of a folder is no key, whatever it looks like.
  const shown = (isFile ? href : withoutKnownSecrets(href)).replaceAll(PARAMETER, (parameter, key: string) =>
    isSecretKey(key) ? `${key}=${REDACTED}` : parameter,
  );
  const most = isFile ? MAX_FILE : MAX_OTHER;
  return shown.length <= most ? shown : `${beginningOf(shown, most)}... (cut, of ${href.length} characters)`;
}
