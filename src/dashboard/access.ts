/**
 * Who may ask, and who may act. Pure but for the secrets it holds.
 *
 * I1  Only requests that name this server's own host are answered: a foreign name that resolves to it is refused (DNS
 *     rebinding).
 * I2  A request from a page of another site is refused, even with the right secrets.
 * I3  Reading needs the token. Acting also needs the second secret, in a header that no form and no link can send.
 */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

export interface AccessOptions {
  readonly token: string;
  /** `undefined`: nothing can be controlled. */
  readonly controlToken: string | undefined;
  /** The interface that is listened on. */
  readonly host: string;
  /** Further names that the server is reached by. */
  readonly allowedHosts: readonly string[];
}

export interface Denied {
  readonly status: 401 | 403;
  readonly message: string;
}

const CONTROL_HEADER = 'x-control-token';
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1']);

export class Access {
  readonly #options: AccessOptions;
  /** Whether other machines can reach it, by any of its addresses. */
  readonly #isOpen: boolean;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#isOpen = !LOOPBACK.has(options.host);
  }

  get hasControl(): boolean {
    return this.#options.controlToken !== undefined;
  }

  /** Whether a request names this server as its host, and does not come from another site's page. */
  fromElsewhere({ headers }: IncomingMessage): Denied | undefined {
    const { host, origin } = headers;
    if (host === undefined || !this.#isOurs(nameOf(host))) {
      return { status: 403, message: `${host ?? 'this address'} is no name of the dashboard: allowedHosts` };
    }
    const isSame = origin === undefined || URL.parse(origin)?.host === URL.parse(`http://${host}`)?.host;
    if (!isSame) return { status: 403, message: 'asked by a page from elsewhere' };
    return undefined;
  }

  /** Whether a script or a frame of another site is behind it; following a link from there is allowed. */
  crossSite({ headers }: IncomingMessage): Denied | undefined {
    const site = headers['sec-fetch-site'];
    if (site === undefined || site === 'same-origin' || site === 'none') return undefined;
    return { status: 403, message: 'asked by a page from elsewhere' };
  }

  /** Whether a request has the token. */
  unknown({ headers }: IncomingMessage, query: URLSearchParams): Denied | undefined {
    const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
    const given = bearer ?? query.get('token') ?? '';
    if (isSecret(given, this.#options.token)) return undefined;
    return { status: 401, message: 'the token is missing or wrong' };
  }

  /** Whether a request may change anything. */
  powerless({ headers }: IncomingMessage): Denied | undefined {
    const { controlToken } = this.#options;
    if (controlToken === undefined) {
      return {
        status: 403,
        message: 'this dashboard only shows: createDashboard(system, { control: true })',
      };
    }
    const given = headers[CONTROL_HEADER];
    if (typeof given === 'string' && isSecret(given, controlToken)) return undefined;
    return {
      status: 401,
      message: `the control token is missing or wrong, expected in the header ${CONTROL_HEADER}`,
    };
  }

  #isOurs(name: string | undefined): boolean {
    if (name === undefined) return false;
    if (LOOPBACK.has(name) || name === this.#options.host) return true;
    // A name can be made to lead anywhere, an address cannot.
    if (this.#isOpen && isIP(name) !== 0) return true;
    return this.#options.allowedHosts.some((allowed) => allowed.toLowerCase() === name);
  }
}

/** The name in a `Host` header, without port and brackets. */
function nameOf(host: string): string | undefined {
  return /^\[([\da-f:.]+)\](?::\d+)?$|^([\w.-]+)(?::\d+)?$/i
    .exec(host)
    ?.slice(1)
    .find((name) => name !== undefined)
    ?.toLowerCase();
}

function isSecret(given: string, secret: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(secret)];
  return a.length === b.length && timingSafeEqual(a, b);
}
