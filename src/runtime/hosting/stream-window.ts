/** How many chunks of a task may be told that were not taken: kept by the body, and held against it by the system. */
export const STREAM_WINDOW = 16;
