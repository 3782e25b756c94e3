/** `npm run composed [-- --agents 2 --permits 1 --restarts 1 --disturbances 4 --from running]`: the composed charts, larger than in the tests. */
import { parseArgs } from 'node:util';
import { explore } from './explore.ts';

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '2' },
    permits: { type: 'string', default: '1' },
    restarts: { type: 'string', default: '1' },
    disturbances: { type: 'string', default: '4' },
    from: { type: 'string', default: 'running' },
  },
});
const bounds = {
  agents: Number(values.agents),
  permits: Number(values.permits),
  maxRestarts: Number(values.restarts),
  disturbances: Number(values.disturbances),
  from: values.from as 'registered' | 'running',
};
const startedAt = performance.now();
const { finding, ...counted } = explore(bounds, Infinity, (worlds) =>
  process.stderr.write(`${worlds} worlds\n`),
);
const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
process.stdout.write(`${JSON.stringify({ ...bounds, ...counted, seconds })}\n`);
if (finding) {
  process.stdout.write(
    `${finding.problem}\n${finding.moves.map((move) => `  ${move.join(' ')}`).join('\n')}\n`,
  );
  process.exitCode = 1;
}
