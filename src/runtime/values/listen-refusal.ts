/** A refusal of the `host` or `port` that a server was to listen on. Pure. */
import { AgentSystemError, inWords } from './errors.ts';

const OTHER_HOST = 'a name or an address of this machine';
/** What was expected of which option, by the code that Node gives. */
const EXPECTED: ReadonlyMap<unknown, readonly ['host' | 'port', string]> = new Map([
  ['ENOTFOUND', ['host', OTHER_HOST]],
  ['EAI_AGAIN', ['host', OTHER_HOST]],
  ['EADDRNOTAVAIL', ['host', OTHER_HOST]],
  ['EAFNOSUPPORT', ['host', OTHER_HOST]],
  ['EINVAL', ['host', OTHER_HOST]],
  ['EADDRINUSE', ['port', 'one that is free']],
  ['EACCES', ['port', 'one that this user may listen on']],
]);

/**
 * What is thrown in place of the error with which listening has failed; one that is not due to the address stays.
 *
 * @param what whose options they are, as in `createDashboard`
 */
export function listenRefusal(
  what: string,
  thrown: Error,
  address: { readonly host: string; readonly port: number },
): Error {
  const [option, expected] = EXPECTED.get((thrown as NodeJS.ErrnoException).code) ?? [];
  if (option === undefined) return thrown;
  const message = `${what}: ${option}: expected ${expected}, got ${inWords(address[option])} (${thrown.message})`;
  return new AgentSystemError('AGENT_SPEC_INVALID', message, { cause: thrown });
}
