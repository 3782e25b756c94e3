/** How the time of a graceful end is divided. The rest is for saving and for `terminate`. */

/** Part of a stop, or of a close, in which accepted work may finish. */
export const FINISH_SHARE = 0.8;
/** Part of a stop in which aborted work may settle. */
export const ABORT_SHARE = 0.1;
