/** An agent that reads addresses: `ARCHIVE_MODEL` names a real model, else the scripted one answers. */
import { defineModelAgent } from '../../src/ai.ts';
import { z } from 'zod';
import { entrySchema, INSTRUCTIONS, questionOf, tools } from './reading.ts';
import { scriptedModel } from './scripted-model.ts';

export default defineModelAgent({
  type: 'reader',
  initArgs: z.object({ providerUrl: z.string() }),
  model: ({ initArgs, env }) => env['ARCHIVE_MODEL'] ?? scriptedModel(initArgs.providerUrl),
  instructions: INSTRUCTIONS,
  tools,
  quota: 'provider',
  maxRepeats: 3,
  tasks: {
    read: {
      input: z.object({ year: z.int(), president: z.string() }),
      prompt: ({ input }) => questionOf(input.year, input.president),
      output: entrySchema,
      retry: { attempts: 4, attemptTimeoutMs: 5_000, backoff: { delayMs: 50 } },
    },
  },
});
