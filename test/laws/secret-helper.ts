/** Whom the careless agent asks for help. */
import { defineAgent } from '../../src/index.ts';

export default defineAgent({
  type: 'helper',
  init: () => ({}),
  tasks: { once: { run: () => 'helped' }, again: { retry: 'on_host_loss', run: () => 'helped' } },
});
