/** What a body may ask of its system, and tell it: kept by the body, and held against it by the system. */

/** How many requests of one body may be open at once. */
export const MAX_REQUESTS = 256;
/** How long what a request gives along may be, about, in characters of JSON. */
export const MAX_REQUEST_TEXT = 16_777_216;
/** How long the name of a request may be. */
export const MAX_REQUEST_NAME = 64;
/** How long the detail of a health check may be, about, in characters of JSON: it is in every record of its agent. */
export const MAX_DETAIL_TEXT = 1_048_576;
