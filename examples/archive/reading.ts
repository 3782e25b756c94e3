/** What it means to read an address, the same for every reader: the question, the tools, and the answer. */
import { tool } from 'ai';
import { z } from 'zod';
import { sentencesWith, tellingWords } from './addresses.ts';

export const TOPICS = 5;

export const entrySchema = z.object({
  year: z.int(),
  topics: z.array(z.string()).length(TOPICS),
  sentence: z.string(),
});
export type Entry = z.output<typeof entrySchema>;

export const questionOf = (year: number, president: string): string =>
  `Read the address of ${year} by ${president}: what is it about, and which sentence of it says so?`;

export const INSTRUCTIONS = 'You make the index of an archive. Use the tools; invent nothing.';

export const tools = {
  words: tool({
    description: 'The words that an address uses more than the others do, most telling first.',
    inputSchema: z.object({ year: z.int() }),
    execute: ({ year }) => tellingWords(year, TOPICS + 3),
  }),
  sentence: tool({
    description: 'A short sentence of an address that has a word.',
    inputSchema: z.object({ year: z.int(), word: z.string() }),
    execute: ({ year, word }) => ({ text: sentencesWith(year, word, 1)[0] ?? '' }),
  }),
};
