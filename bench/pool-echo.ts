/** The same echo, as a task of piscina's. */
export default (message: unknown): unknown => message;
