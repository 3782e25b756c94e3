/** How times of tasks are divided where they are counted: from 1 ms, for a function, to ten minutes, for a model's work. */
export const DURATION_BUCKETS_SECONDS: readonly number[] = [
  0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600,
];
