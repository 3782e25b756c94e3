/**
 * The same job without mabeam, as a careful program would do it with the AI SDK alone: three workers, the SDK's own
 * retries, a time limit for each attempt, and every address written down when it is done. A child with the arguments
 * URL and FILE, started again by its parent when it dies; it goes on behind what is written down.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { generateText, isStepCount, Output } from 'ai';
import { type Address, addresses } from './addresses.ts';
import { type Entry, entrySchema, INSTRUCTIONS, questionOf, tools } from './reading.ts';
import { scriptedModel } from './scripted-model.ts';

const WORKERS = 3;
const ATTEMPTS = 4;
const ATTEMPT_MS = 5_000;

const [url = '', file = ''] = process.argv.slice(2);
const model = scriptedModel(url);
const written = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
const done = new Set(written.map((line) => (JSON.parse(line) as Entry).year));
const left = addresses().filter(({ year }) => !done.has(year));

async function read({ year, president }: Address): Promise<Entry> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { output } = await generateText({
        model,
        instructions: INSTRUCTIONS,
        prompt: questionOf(year, president),
        tools,
        output: Output.object({ schema: entrySchema }),
        stopWhen: isStepCount(20),
        abortSignal: AbortSignal.timeout(ATTEMPT_MS),
      });
      return output;
    } catch (thrown) {
      if (attempt === ATTEMPTS) throw thrown;
    }
  }
}

async function work(): Promise<void> {
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    try {
      appendFileSync(file, `${JSON.stringify(await read(next))}\n`);
    } catch (thrown) {
      console.error(`${next.year}: ${(thrown as Error).message}`);
    }
  }
}

await Promise.all(Array.from({ length: WORKERS }, work));
