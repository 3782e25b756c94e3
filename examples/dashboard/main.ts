/** `npm run dashboard`: a lively fleet, and the page that shows it. Ends with Ctrl-C. */
import { once } from 'node:events';
import { createAgentSystem, memoryStore } from '../../src/index.ts';
import { createDashboard, logTail } from '../../src/dashboard.ts';
import { pino } from 'pino';
import { busyDesk } from './desk.ts';
import { livelyFleet } from './fleet.ts';

const logs = logTail();
await using system = await createAgentSystem({
  // For a quarter of an hour: a life is gone back through as far as its events are kept.
  store: memoryStore({ maxEvents: 1_000_000 }),
  logger: pino({ name: 'mabeam', level: 'debug' }, logs),
});
await using dashboard = await createDashboard(system, { control: true, logs });
await using _fleet = await livelyFleet(system);
await using _desk = await busyDesk(system);

console.log(
  `The fleet is shown at\n\n  ${dashboard.url}\n\nTo control it, unlock it there with\n\n  ${dashboard.controlToken}\n`,
);
await once(process, 'SIGINT');
