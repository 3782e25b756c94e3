/**
 * What every host keeps, as laws that any implementation of `Host` can be held to.
 *
 * A law opens bodies of `host-laws/law-agent.ts` through the contract alone, and rejects when it is broken. What a host
 * promises beyond the contract (limits, faults) is not here.
 */
import type { HostLaw } from './host-laws/host-law.ts';
import { lifeLaws } from './host-laws/life-laws.ts';
import { otherWorkLaws } from './host-laws/other-work-laws.ts';
import { requestLaws } from './host-laws/request-laws.ts';
import { streamLaws } from './host-laws/stream-laws.ts';
import { taskLaws } from './host-laws/task-laws.ts';

/** The laws of every `Host`: each has a `name`, and its `keep(host)` rejects if the host breaks it. */
export const hostLaws: readonly HostLaw[] = [
  ...taskLaws,
  ...otherWorkLaws,
  ...streamLaws,
  ...requestLaws,
  ...lifeLaws,
];
