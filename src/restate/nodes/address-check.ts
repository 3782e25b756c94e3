/** Whether somebody is there at an address of a node, as this program finds it: no call of the fleet's services. */
import { connect } from 'node:http2';

/**
 * - `refuses`: nothing listens there any more; its machine says so at once
 * - `silent`: frozen, cut off, or very late; or the address leads nowhere
 * - `answers`: the way is open, or it fails otherwise
 */
export type AddressState = 'refuses' | 'silent' | 'answers';

/** The name of a machine that is no more is often gone with it. */
const NOWHERE: ReadonlySet<string | undefined> = new Set(['ENOTFOUND', 'EHOSTUNREACH', 'ETIMEDOUT']);

/** How many ticks the time that it is waited for has. */
const TICKS = 10;

/**
 * Time by which this program itself is held up counts as one tick: an answer may be there meanwhile, and unread.
 *
 * @param withinMs how long it is waited for
 */
export function checkAddress(url: string, withinMs: number): Promise<AddressState> {
  return new Promise((resolve) => {
    const session = connect(url);
    const over = (state: AddressState): void => {
      clearInterval(ticking);
      session.destroy();
      resolve(state);
    };
    let ticks = 0;
    const ticking = setInterval(() => {
      ticks += 1;
      if (ticks === TICKS) over('silent');
    }, withinMs / TICKS);
    session.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNREFUSED') over('refuses');
      else over(NOWHERE.has(code) ? 'silent' : 'answers');
    });
    session.on('connect', () => session.ping((err) => over(err === null ? 'answers' : 'silent')));
  });
}
