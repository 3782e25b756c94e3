/** What a body may ask of its system: kept by the body, and held against it by the system. */

/** How many requests of one body may be open at once. */
export const MAX_REQUESTS = 256;
/** How long what a request gives along may be, about, in characters of JSON. */
export const MAX_REQUEST_TEXT = 16_777_216;
/** How long the name of a request may be. */
export const MAX_REQUEST_NAME = 64;
