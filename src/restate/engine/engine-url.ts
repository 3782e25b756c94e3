/** Where the engine is reached: `localhost:8080` is an address of a scheme that nobody speaks, and would be waited for. */
import { z } from 'zod';

export const engineUrl = z.url({ protocol: /^https?$/, error: 'expected http://<address>:<port>' });
